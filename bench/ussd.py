"""Key presses a second on known sessions, as a ratio to a bare server doing the same reads and writes.

    python -m bench.ussd [--seconds 8] [--sessions 6000]

Both run under granian with two workers of four threads and pools of six on the same durable PostgreSQL, one after
the other, under wrk with 32 and 128 connections. The bare server (bench.bare_ussd) authenticates nobody and knows no
menu. It is measured twice: committing steps asynchronously as the platform does, and synchronously.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

import psutil

from bench.scratch import Scratch

PRESSES = 10
WORKERS, THREADS = 2, 4  # as smart/local/supervisor.py starts the web server
NUMBER = "77010000001"


def main(argv: list[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--sessions", type=int, default=6000)
    options = parser.parse_args(argv)
    if not shutil.which("wrk"):
        sys.exit("bench.ussd needs wrk (apt-get install wrk).")
    with Scratch("smart_bench_ussd") as scratch:
        _measure(scratch, options.seconds, options.sessions)


def _measure(scratch: Scratch, seconds: int, sessions: int) -> None:
    from core.access import keys
    from core.access.models import ApiClient
    from core.lib import clock

    client = ApiClient.objects.create(name="bench", kind="ussd", proof="signature")
    key, secret = keys.issue(client=client, by="bench", now=clock.now())
    bare = {"BARE_DSN": scratch.dsn, "BARE_CLIENT": str(client.pk)}
    runs = [
        ("bare, asynchronous commit", "bench.bare_ussd:application", {**bare, "BARE_COMMIT": "off"}),
        ("bare, synchronous commit", "bench.bare_ussd:application", {**bare, "BARE_COMMIT": "on"}),
        ("SMART", "smart.wsgi:application", {"DB_POOL_SIZE": "6", "DB_STATEMENT_TIMEOUT_MS": "2500"}),
    ]
    rates: dict[tuple[str, int], float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, target, more in runs:
            for connections in (32, 128):
                _open_sessions(client.pk, sessions)
                requests = _sign(Path(folder), key.key_id, secret, sessions)
                rates[name, connections] = _run(name, target, {**os.environ, **more}, requests, connections, seconds)
    for name, _target, _more in runs[:2]:
        for connections in (32, 128):
            ratio = rates["SMART", connections] / rates[name, connections]
            print(f"ratio to {name}, {connections} connections: {ratio:.2f}")


def _open_sessions(client_id: int, sessions: int) -> None:
    """One subscriber's sessions, each waiting at the choice of language."""
    from django.db import connection

    from core.lib import clock, crypto
    from enrollment.models import Subscriber

    index = crypto.blind_index(NUMBER)
    now = clock.now()
    subscriber, _made = Subscriber.objects.get_or_create(
        msisdn_index=index,
        defaults={
            "msisdn": crypto.encrypt_msisdn(NUMBER),
            "brand": "activ",
            "line_status": "active",
            "language": "ru",
            "created_at": now,
            "changed_at": now,
        },
    )
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE ussd_ussdsession, access_nonce")
        cursor.execute(
            """
            INSERT INTO ussd_ussdsession (client_id, session_id, msisdn_index, subscriber_id, language, opened_at,
                touched_at, dialed, visited_plmn, screen, page, context, sequence, taken, turn, steps)
            SELECT %s, 'bench-' || n, %s, %s, 'ru', now(), now(), '*555*4#', '40102', 'language', 0, '{}', 1, '', 1,
                   '[["1", "*555*4#", "continue", "1 Қазақша", "-"]]'
            FROM generate_series(0, %s - 1) n
            """,
            [client_id, index, subscriber.pk, sessions],
        )
        cursor.execute("VACUUM ANALYZE ussd_ussdsession")


def _sign(folder: Path, key_id: str, secret: str, sessions: int) -> Path:
    """Write every request beforehand, signed; a session's next press comes a whole round later."""
    from core.lib import signing

    path = folder / "requests.tsv"
    stamp = str(int(time.time()))
    with path.open("w") as file:
        for sequence in range(2, 2 + PRESSES):
            for number in range(sessions):
                url, nonce = f"/api/ussd/v1/sessions/bench-{number}/", token_hex(16)
                body = json.dumps({"msisdn": NUMBER, "input": "9", "sequence": sequence})
                signature = signing.sign(secret, "POST", url, stamp, nonce, body.encode())
                file.write("\t".join((url, key_id, stamp, nonce, signature, body)) + "\n")
    return path


def _run(name: str, target: str, env: dict[str, str], requests: Path, connections: int, seconds: int) -> float:
    port = 8971
    server = subprocess.Popen(
        [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
         "--workers", str(WORKERS), "--blocking-threads", str(THREADS), "--backpressure", "256",
         "--workers-kill-timeout", "5", "--log-level", "error", target],
        env=env, start_new_session=True,
    )  # fmt: skip
    try:
        _wait(port)
        before = _cpu_seconds(server.pid)
        load = subprocess.run(
            ["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", "bench/wrk.lua",
             f"http://127.0.0.1:{port}", "--", str(requests), "2"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        cpu = _cpu_seconds(server.pid) - before
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(15)
        with suppress(ProcessLookupError):  # a worker left behind would answer the next run on its port
            os.killpg(server.pid, signal.SIGKILL)
    line = next(line for line in load.stdout.splitlines() if line.startswith("RESULT"))
    count, micros, bad, median, p99 = map(float, line.split()[1:])
    rate = count / micros * 1e6
    print(
        f"{name}, {connections} connections: {rate:,.0f} req/s, median {median / 1000:.1f} ms, "
        f"p99 {p99 / 1000:.1f} ms, {bad:.0f} failed of {count:.0f}, {cpu / count * 1e6:.0f} us of its CPU each",
        flush=True,
    )
    return rate


def _cpu_seconds(pid: int) -> float:
    """CPU the server and its worker have used: a figure that other work on the machine does not blur."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(sum(process.cpu_times()[:2]) for process in family)


def _wait(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("The server did not come up.")


if __name__ == "__main__":
    main()
