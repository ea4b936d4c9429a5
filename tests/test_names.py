"""One name, one meaning: what a class is called says which it is, wherever it is read."""

import ast
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
MOST_TWICE = 6
# Names that stand twice, and why.
TWICE = {
    "Command": "Django finds a management command by it",
    "Choice": "of a question, and of an audience condition: each is the word of its field",
    "Invitation": "tables: of a partner's person, and to a survey",
    "Option": "a questionnaire's, as a plain value, and a transport's line in TRANSPORTS_FILE",
    "PublishedResult": "tables: of a campaign's offer, and of a survey",
    "ReasonForm": "a form with one field; the pages share nothing else",
}


def classes() -> dict[str, list[str]]:
    """The classes at the top of the rooms' modules, and where each name stands."""
    found = defaultdict(list)
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "migrations" in path.parts:
                continue
            for statement in ast.parse(path.read_text()).body:
                if isinstance(statement, ast.ClassDef):
                    found[statement.name].append(str(path.relative_to(ROOT)))
    return found


def test_a_class_name_stands_once() -> None:
    twice = {name: places for name, places in classes().items() if len(places) > 1}

    assert {name: places for name, places in twice.items() if name not in TWICE} == {}
    assert set(TWICE) <= set(twice), "a reason for a name that stands once"
    assert len(TWICE) <= MOST_TWICE
