"""Jasmin as it is on PyPI: an SMPP server, a router and an SMPP client, with RabbitMQ and a Redis of their own."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen

from core.lib.http.client import HttpClient
from smart.local import embedded, processes
from smart.local.bootstrap import JASMIN, find

RABBITMQ = Path(
    "/usr/lib/rabbitmq/bin/rabbitmq-server"
)  # the wrapper in the path changes the user, and with it the folders
_CONFIG = """
[smpp-server]
bind = 127.0.0.1
port = {smpp}
[smpp-server-pb]
bind = 127.0.0.1
port = {server}
[smpp-server-pb-client]
host = 127.0.0.1
port = {server}
[dlr]
dlr_lookup_retry_delay = 1
[client-management]
bind = 127.0.0.1
port = {clients}
[router]
bind = 127.0.0.1
port = {router}
[http-api]
bind = 127.0.0.1
port = {http}
[jcli]
bind = 127.0.0.1
port = {jcli}
authentication = False
[amqp-broker]
host = 127.0.0.1
port = {amqp}
spec = {spec}
[redis-client]
host = 127.0.0.1
port = {redis}
"""
_ENDS = "\r\n"
_SET_UP = (
    ("group -a", "gid smart"),
    ("user -a", "username smart", "password geheim", "gid smart", "uid smart"),
    (
        "smppccm -a",
        "cid peer",
        "host 127.0.0.1",
        "port {smsc}",
        "username smart",
        "password geheim",
        "con_fail_delay 1",
    ),
    ("mtrouter -a", "type DefaultRoute", "connector smppc(peer)", "rate 0.0"),
)


def why_not() -> str:
    """Why there can be no Jasmin here; empty when there can."""
    if not (JASMIN / "bin" / "jasmind.py").exists():
        return "Jasmin is not installed: `make peers` installs it"
    return "" if RABBITMQ.exists() and find("erl") else "no RabbitMQ here"


@contextmanager
def serve(folder: Path, *, smsc: int) -> Iterator[int]:
    """Run all of it on loopback ports, bound to an SMSC; give the port of its SMPP server."""
    names = ("smpp", "server", "clients", "router", "http", "jcli", "amqp", "redis", "erlang", "names")
    ports = {name: embedded.free_port() for name in names}
    (folder / "etc" / "jasmin" / "store").mkdir(parents=True)
    config = folder / "jasmin.cfg"
    # The wheel of Jasmin leaves its own copy out.
    (spec,) = JASMIN.glob("lib/python*/site-packages/txamqp/specs/standard/amqp0-9-1.stripped.xml")
    config.write_text(_CONFIG.format(**ports, spec=spec))
    with ExitStack() as stack:

        def start(name: str, *command: str | Path, listens: str = "", **environment: str) -> None:
            log = folder / f"{name}.log"
            process = processes.spawn(command, log=log, cwd=folder, env={**os.environ, **environment})
            stack.callback(processes.stop, process, seconds=20)
            if listens:
                _wait_for(ports[listens], process, log)

        start("valkey", *embedded.valkey_command(ports["redis"], folder), listens="redis")
        # RabbitMQ would start one that outlives it.
        start("epmd", find("epmd") or "epmd", "-port", str(ports["names"]), "-address", "127.0.0.1", listens="names")
        start("rabbitmq", RABBITMQ, listens="amqp", **_rabbitmq(folder, ports))
        jasmin = {"ROOT_PATH": str(folder), "LOG_PATH": str(folder / "log"), "SYSCTL": ""}
        python = JASMIN / "bin" / "python"
        start("jasmind", python, JASMIN / "bin" / "jasmind.py", "-c", config, listens="jcli", **jasmin)
        # Without both of them no receipt comes back, and none of what was sent before they listen.
        for name, log, ready in (
            ("dlrlookupd", "dlrlookupd-messages.log", "is ready"),
            ("dlrd", "dlr-thrower.log", "Consuming from"),
        ):
            start(name, python, JASMIN / "bin" / f"{name}.py", "-c", config, **jasmin)
            assert _says(folder / "log" / log, ready), processes.last_line(folder / f"{name}.log")
        _set_up(ports["jcli"], smsc)
        _wait_for(ports["smpp"])
        yield ports["smpp"]


def _rabbitmq(folder: Path, ports: dict[str, int]) -> dict[str, str]:
    """A node of its own: nothing of the machine's RabbitMQ is read or written."""
    return {
        "HOME": str(folder),  # its cookie
        "RABBITMQ_NODENAME": f"jasmin{ports['amqp']}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(ports["amqp"]),
        "RABBITMQ_DIST_PORT": str(ports["erlang"]),
        "ERL_EPMD_PORT": str(ports["names"]),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
    }


def _wait_for(port: int, process: Popen[bytes] | None = None, log: Path = Path()) -> None:
    """Wait until somebody listens there."""
    client = HttpClient(f"http://127.0.0.1:{port}")
    listens = processes.wait_until(
        lambda: client.probe() or (process is not None and process.poll() is not None), seconds=120, every=0.1
    )
    assert listens, processes.last_line(log)
    assert process is None or process.poll() is None, processes.last_line(log)


def _says(log: Path, words: str) -> bool:
    """Wait until a log has the words."""
    return processes.wait_until(lambda: log.exists() and words in log.read_text(), seconds=120, every=0.1)


def _set_up(port: int, smsc: int) -> None:
    """Tell it, by its console, who may send and where to."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as console:
        _read_to(console, "\n")  # a welcome; it prompts from the first answer on
        for command, *answers in _SET_UP:
            _say(console, command, "> ")
            for answer in answers:
                _say(console, answer.format(smsc=smsc), "> ")
            _say(console, "ok", "jcli : ")
        _say(console, "smppccm -1 peer", "jcli : ")


def _say(console: socket.socket, line: str, prompt: str) -> None:
    console.sendall((line + _ENDS).encode())
    _read_to(console, prompt)


def _read_to(console: socket.socket, prompt: str) -> None:
    read = b""
    while not read.decode(errors="replace").endswith(prompt):
        more = console.recv(4096)
        assert more, read
        read += more
    assert b"Error" not in read, read
    assert b"Failed" not in read, read
