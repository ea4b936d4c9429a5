"""smsc.js as a child: started, told what to do, read from."""

import json
import queue
import shutil
import subprocess
import threading
from collections import Counter
from pathlib import Path
from typing import Any, Self

FOLDER = Path(__file__).resolve().parent
PATIENCE = 60.0


def why_not() -> str:
    """Why there can be no SMSC here; empty when there can."""
    if not shutil.which("node"):
        return "no node here"
    if not (FOLDER / "node_modules/smpp").is_dir():
        return "tests/peers/smsc has no node_modules: `make test` installs them"
    return ""


class Smsc:
    """An SMSC in a process of its own: `with Smsc(tmp_path, receipts="early") as smsc`, then `smsc.port`."""

    def __init__(self, folder: Path, *, name: str = "smsc", **behaviour: Any) -> None:
        self.name, self.path = name, folder / f"{name}.log"
        self._given = {"log": str(self.path), **behaviour}
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            ["node", str(FOLDER / "smsc.js"), json.dumps(self._given)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.seen: Counter[str] = Counter()  # events since it started
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port: int = self.wait_for("listening")["port"]

    def restart(self) -> None:
        """Come back where it was, with the log it had; it remembers nothing else."""
        self._given["port"] = self.port
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            self.seen[event["event"]] += 1
            self._events.put(event)

    def wait_for(self, event: str, *, seconds: float = PATIENCE, **fields: Any) -> dict[str, Any]:
        """Return the next such event; what happens before it is forgotten."""
        while True:
            try:
                found = self._events.get(timeout=seconds)
            except queue.Empty:
                raise AssertionError(f"the SMSC has seen no {event} {fields}") from None
            if found["event"] == event and fields.items() <= found.items():
                return found

    def command(self, **command: Any) -> None:
        """Have it do something; returns when it is done. What happened before is forgotten."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        self.wait_for("done")

    def log(self) -> list[dict[str, Any]]:
        """What it took, in its order."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def kill(self) -> None:
        """End it, however it is."""
        self._process.kill()
        self._process.wait()
        self._reader.join(PATIENCE)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
