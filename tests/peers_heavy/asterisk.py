"""Asterisk as Debian has it, and a telephone (baresip) behind its trunk, both in a Debian in a folder.

The trunk goes over loopback, with A-law; the telephone has an account for each number and does what it is told.
"""

import json
import queue
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from core.lib.http.client import HttpClient
from smart.local import asterisk, chroots, embedded, processes

PATIENCE = 60.0  # seconds; the machine may be busy
USERNAME, PASSWORD = "smart", "geheim"
PROMPTS = "/srv/prompts"  # where Asterisk finds them
_FILES = "/srv/files"
NUMBERS = tuple(f"7701000000{last}" for last in range(1, 6))
_ASTERISK = {
    "asterisk.conf": """
[directories]
astetcdir => {here}
astrundir => {here}
astlogdir => {here}
astspooldir => {here}
astdbdir => {here}
[options]
nocolor = yes
""",
    "modules.conf": "[modules]\nautoload = yes\n",
    "logger.conf": "[logfiles]\nconsole => notice,warning,error,dtmf\n",
    "http.conf": "[general]\nenabled = yes\nbindaddr = 127.0.0.1\nbindport = {http}\n",
    "ari.conf": "[general]\nenabled = yes\n[{username}]\ntype = user\nread_only = no\npassword = {password}\n",
    "pjsip.conf": """
[udp]
type = transport
protocol = udp
bind = 127.0.0.1:{sip}
[kcell]
type = endpoint
transport = udp
aors = kcell
context = nobody
disallow = all
allow = alaw
dtmf_mode = rfc4733
direct_media = no
[kcell]
type = aor
contact = sip:127.0.0.1:{phone}
""",
}
_BARESIP = {
    "config": """
sip_listen 127.0.0.1:{phone}
net_interface 127.0.0.1
module_path /usr/lib/baresip/modules
module g711.so
module aubridge.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
audio_player aubridge,nil
audio_source aubridge,nil
""",
    "accounts": "".join(f"<sip:{number}@127.0.0.1>;regint=0;audio_codecs=pcma\n" for number in NUMBERS),
    "contacts": "",
}


def why_not() -> str:
    """Why there can be no Asterisk here; empty when there can."""
    return "" if asterisk.is_here() else "Asterisk is not installed: `make peers` installs it"


class Phone:
    """The telephone, by its control port: what happens to it comes as events, each is waited for."""

    def __init__(self, port: int, asterisk_log: Path) -> None:
        self._log = asterisk_log
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket.settimeout(None)
        self._said: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._socket.close()

    def forget(self) -> None:
        """Hang up whatever is left, and pass over what happened so far."""
        self.tell("hangupall")
        while not self._said.empty():
            self._said.get()

    def answer(self) -> None:
        """Answer the next call; return when it is spoken to."""
        self.wait("CALL_INCOMING")
        self.tell("accept")
        self.wait("CALL_RTPESTAB")  # Asterisk sends nothing while it plays nothing

    def press(self, keys: str) -> None:
        """Press one after the other, as RFC 4733 has it; each when Asterisk has heard the one before.

        What a busy machine sends by fits and starts may be lost: it is pressed again, as anybody would.
        """
        for key in keys:
            before = self._heard(key)
            for _ in range(6):
                self.tell("sndcode", key)
                if processes.wait_until(lambda key=key, before=before: self._heard(key) > before, seconds=10):
                    break
            else:
                raise AssertionError(f"Asterisk has not heard the key {key}")

    def _heard(self, key: str) -> int:
        return self._log.read_text(errors="replace").count(f"DTMF end '{key}' received")

    def hang_up(self) -> None:
        """End its call, or refuse it as busy."""
        self.tell("hangup")
        self.wait("CALL_CLOSED")

    def wait(self, kind: str) -> dict[str, Any]:
        """The next event of a kind; what comes before it is passed over."""
        seen = []
        while True:
            try:
                event = self._said.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f"no {kind} after {seen}") from None
            if event.get("type") == kind:
                return event
            seen.append(event.get("type") or event)

    def tell(self, command: str, parameters: str = "") -> None:
        """Have it do something with its call."""
        text = json.dumps({"command": command, "params": parameters}).encode()
        self._socket.sendall(b"%d:%b," % (len(text), text))

    def _read(self) -> None:
        read = b""
        while more := self._socket.recv(4096):
            read += more
            while b":" in read:
                length, _, rest = read.partition(b":")
                if len(rest) <= int(length):
                    break
                self._said.put(json.loads(rest[: int(length)]))
                read = rest[int(length) + 1 :]


@contextmanager
def serve(folder: Path, *, prompts: Path) -> Iterator[tuple[str, Phone]]:
    """Run both; give the address of Asterisk's REST interface, and the telephone. Asterisk reads the prompts."""
    names = ("http", "sip", "phone", "control")
    ports = {name: embedded.free_port() for name in names}
    _write(folder / "asterisk", _ASTERISK, here=_FILES, username=USERNAME, password=PASSWORD, **ports)
    _write(folder / "baresip", _BARESIP, **ports)
    command = ("asterisk", "-f", "-C", f"{_FILES}/asterisk.conf")
    with (
        _run("baresip", folder, "baresip", "-f", _FILES, listens=ports["control"]),
        _run("asterisk", folder, *command, listens=ports["http"], mounts={prompts: PROMPTS}),
        Phone(ports["control"], folder / "asterisk.log") as phone,
    ):
        yield f"http://127.0.0.1:{ports['http']}/ari", phone


@contextmanager
def _run(
    name: str, folder: Path, *command: str, listens: int, mounts: Mapping[Path, str] | None = None
) -> Iterator[None]:
    """Run a program with its folder until the block ends; it listens when the block begins."""
    log, here = folder / f"{name}.log", {folder / name: _FILES, **(mounts or {})}
    # unshare heeds no other signal while its child lives; that one ends all of them.
    process = processes.spawn(
        chroots.inside(asterisk.ROOT, *command, mounts=here), log=log, death_signal=signal.SIGKILL
    )
    client = HttpClient(f"http://127.0.0.1:{listens}")
    try:
        assert processes.wait_until(
            lambda: client.probe() or process.poll() is not None, seconds=2 * PATIENCE, every=0.1
        ), log.read_text(errors="replace")[-2000:]
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        yield
    finally:
        processes.kill_session(process)


def _write(folder: Path, files: Mapping[str, str], **values: Any) -> None:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text.format(**values))
