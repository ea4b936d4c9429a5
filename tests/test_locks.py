"""Advisory locks of different meaning never share a number (ADR 0010)."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("core", "smart", "enrollment", "messaging", "bonuses", "campaigns", "surveys")
_SPACE = re.compile(r"^(\w*LOCK_SPACE) = (\d+)", re.MULTILINE)


def test_every_lock_space_is_its_own() -> None:
    found = Counter(
        number
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        for _name, number in _SPACE.findall(path.read_text())
    )

    assert len(found) >= 4
    assert set(found.values()) == {1}
