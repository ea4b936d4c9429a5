"""Where the rules of docs/rules.md are cited: in comments and docstrings of code and tests, and in documents."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "rules.md"
ROOMS = ("core", "smart", "enrollment", "messaging", "bonuses", "campaigns", "surveys")

# An id, or a range of ids (B1-B6, M1–M5). Not a part of a longer word, address, escape or file name.
_ID = re.compile(r"(?<![\w%#./\\-])([JBMSP])([1-9]\d?)(?:[-–]\1([1-9]\d?))?(?![\w%-])")
_ROW = re.compile(r"^\| ([JBMSP][1-9]\d?) \| (.+) \| (kept|planned) \| (.*)\| (.*)\|$", re.MULTILINE)
_NAMED = re.compile(r"`([^`]+)`")


Citations = Callable[[], dict[str, set[str]]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the page: modules and tests by their path from the root."""

    code: str
    sentence: str
    is_kept: bool
    modules: tuple[str, ...]
    tests: tuple[str, ...]


def read() -> dict[str, Rule]:
    """The page's rules by their id."""
    return {
        code: Rule(code, sentence, state == "kept", tuple(_NAMED.findall(modules)), tuple(_NAMED.findall(tests)))
        for code, sentence, state, modules, tests in _ROW.findall(PAGE.read_text())
    }


def ids_in(text: str) -> set[str]:
    """The ids cited in a text, ranges written out."""
    return {
        f"{letter}{number}"
        for letter, first, last in _ID.findall(text)
        for number in range(int(first), int(last or first) + 1)
    }


def _prose(path: Path) -> Iterator[str]:
    """What people read of a file: a program's comments and docstrings, so that a cell "B2" or a key "S3" is no rule."""
    text = path.read_text()
    if path.suffix != ".py":
        yield text
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def _cited(paths: Iterator[Path]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in paths:
        for code in set().union(*map(ids_in, _prose(path))):
            found.setdefault(code, set()).add(str(path.relative_to(ROOT)))
    return found


@cache
def in_code() -> dict[str, set[str]]:
    """Each cited id with the modules of our rooms that cite it."""
    return _cited(path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))


@cache
def in_tests() -> dict[str, set[str]]:
    """Each cited id with the test files that cite it."""
    return _cited(iter(sorted((ROOT / "tests").rglob("test_*.py"))))


@cache
def in_documents() -> dict[str, set[str]]:
    """Each cited id with the documents, deployment notes and benchmarks that cite it."""
    kinds = {"docs": (".md", ".sql"), "deploy": (".md",), "bench": (".py",)}
    pages = [path for folder, suffixes in kinds.items() for path in sorted((ROOT / folder).rglob("*"))
             if path.suffix in suffixes]  # fmt: skip
    return _cited(iter([ROOT / "README.md", ROOT / "CHANGELOG.md", *pages]))
