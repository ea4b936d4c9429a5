"""The rows of the mutation gate are true to the sources (`make mutants` runs them; docs/mutants.md)."""

import ast
from pathlib import Path

import pytest

from tests import rules
from tests.mutants.__main__ import claiming, tenth
from tests.mutants.mutant import Mutant, Stale
from tests.mutants.rows import ROWS

ROOT = Path(__file__).resolve().parent.parent
KEPT = {code for code, rule in rules.read().items() if rule.is_kept}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_changes_what_stands_in_its_file_once(row: Mutant) -> None:
    text = (ROOT / row.file).read_text()

    changed = row.apply(text)

    assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(text))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_names_tests_that_are_there(row: Mutant) -> None:
    assert row.tests
    for test in row.tests.split():
        path, _colons, function = test.partition("::")
        assert f"def {function}(" in (ROOT / path).read_text() if function else (ROOT / path).exists(), test


def test_every_kept_rule_is_broken_and_no_other() -> None:
    assert {row.rule for row in ROWS} == KEPT
    assert all(claiming(rule) for rule in KEPT)


def test_no_row_stands_twice() -> None:
    assert len({(row.file, row.old, row.new) for row in ROWS}) == len(ROWS) >= 120


@pytest.mark.parametrize("text", ["", "a a"], ids=["gone", "twice"])
def test_a_row_whose_text_has_changed_is_stale(text: str) -> None:
    with pytest.raises(Stale):
        Mutant("B1", "x.py", "a", "b", "t").apply(text)


def test_a_commit_draws_its_tenth() -> None:
    drawn = tenth(ROWS, "c0ffee")

    assert len(drawn) == -(-len(ROWS) // 10)
    assert drawn == tenth(list(reversed(ROWS)), "c0ffee")
    assert drawn != tenth(ROWS, "decade")
