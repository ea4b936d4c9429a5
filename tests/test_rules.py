"""The page of rules is so: every id that is cited stands in it, kept rules are held, planned ones are not claimed."""

import re

import pytest

from tests import rules

RULES = rules.read()
KEPT = [rule for rule in RULES.values() if rule.is_kept]
PLANNED = [rule for rule in RULES.values() if not rule.is_kept]
SLOW = ("tests/e2e/", "tests/peers/", "tests/faults/")


def test_the_page_has_every_rule_once() -> None:
    rows = re.findall(r"^\| ?([JBMSP]\d+)\b", rules.PAGE.read_text(), re.MULTILINE)
    last = {"J": 9, "B": 15, "M": 14, "S": 3, "P": 5}

    assert rows == list(RULES)
    assert set(RULES) == {f"{letter}{n}" for letter, most in last.items() for n in range(1, most + 1)}


@pytest.mark.parametrize("cited", [rules.in_code, rules.in_tests, rules.in_documents])
def test_every_cited_id_is_a_rule(cited: rules.Citations) -> None:
    assert {code: files for code, files in cited().items() if code not in RULES} == {}


@pytest.mark.parametrize("rule", KEPT, ids=lambda rule: rule.code)
def test_a_kept_rule_is_cited_where_the_page_says(rule: rules.Rule) -> None:
    assert rule.modules
    assert set(rule.modules) <= rules.in_code()[rule.code]
    assert rule.tests
    assert set(rule.tests) <= rules.in_tests()[rule.code]
    assert any(not test.startswith(SLOW) for test in rule.tests)


@pytest.mark.parametrize("rule", PLANNED, ids=lambda rule: rule.code)
def test_a_planned_rule_is_claimed_by_nothing(rule: rules.Rule) -> None:
    assert (rule.modules, rule.tests) == ((), ())
    assert rule.code not in rules.in_code()
    assert rule.code not in rules.in_tests()


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("Kept (B5, M1).", {"B5", "M1"}),
        ("B1-B3, J2–J4", {"B1", "B2", "B3", "J2", "J3", "J4"}),
        ("M4's ten, **S2**, `P3`: B11", {"M4", "S2", "P3", "B11"}),
        ("B608 is bandit's, PLC0415 ruff's, M0 is none", set()),
        ("%D0%B0 /S3/B2 M4A s3 B2-backup #B5", set()),
    ],
)
def test_an_id_is_told_from_what_looks_like_one(text: str, cited: set[str]) -> None:
    assert rules.ids_in(text) == cited


def test_of_a_program_only_comments_and_docstrings_cite() -> None:
    """`tests/campaigns/offers/test_uploads_reading.py` writes into cell B2 of a workbook; B2 is cited elsewhere."""
    assert "tests/campaigns/offers/test_uploads_reading.py" not in rules.in_tests()["B2"]
