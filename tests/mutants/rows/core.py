"""Four eyes: another person, in time, if it still stands; what tightens and what loosens (ADR 0027)."""

from tests.mutants.mutant import Mutant

_PROPOSALS = "tests/core/access/test_proposals.py::"
_POLICY = "tests/messaging/changes/test_sending_policy.py::"
_TIGHTENS = "messaging/changes/sending_policy.py"
_EACH = f"{_POLICY}test_each_field_tightens_one_way_and_loosens_the_other"
_MIXED = f"{_POLICY}test_one_field_that_loosens_makes_the_whole_a_loosening"

ROWS = [
    Mutant(
        "P1",
        "core/access/proposals.py",
        "    if person.pk == proposal.proposed_by_id:\n        raise OwnProposal\n",
        "",
        f"{_PROPOSALS}test_who_proposed_decides_nothing",
    ),
    Mutant(
        "P1",
        "core/access/proposals.py",
        "    if person.pk == proposal.proposed_by_id:\n        raise OwnProposal",
        "    if person.pk == proposal.proposed_by_id and not person.is_superuser:\n        raise OwnProposal",
        f"{_PROPOSALS}test_who_proposed_decides_nothing",
    ),
    Mutant(
        "P1",
        "core/access/migrations/0006_proposals.py",
        'models.Q(("state__in", ["confirmed", "refused"]), _negated=True)',
        'models.Q(("state__in", ["refused"]), _negated=True)',
        f"{_PROPOSALS}test_the_database_takes_no_decision_of_who_proposed",
        is_seeded=True,
    ),
    Mutant(
        "P1",
        "core/access/migrations/0006_proposals.py",
        "OLD.state <> 'waiting' OR to_jsonb(OLD) - decision <> to_jsonb(NEW) - decision",
        "OLD.state <> 'waiting'",
        f"{_PROPOSALS}test_what_is_confirmed_is_what_was_proposed",
        is_seeded=True,
    ),
    Mutant(
        "P1",
        "core/access/proposals.py",
        "    if now >= waiting.lapses_at:\n",
        "    if now > waiting.lapses_at:\n",
        f"{_PROPOSALS}test_it_lapses_to_the_instant_whether_or_not_the_job_has_come",
    ),
    Mutant(
        "P1",
        "core/access/proposals.py",
        "state=State.WAITING, lapses_at__lte=now",
        "state=State.WAITING, lapses_at__lt=now",
        f"{_PROPOSALS}test_it_lapses_to_the_instant_whether_or_not_the_job_has_come",
    ),
    Mutant(
        "P1",
        "core/access/proposals.py",
        "    if not _still_stands(waiting, standing):\n        raise SubjectChanged\n",
        "",
        f"{_PROPOSALS}test_what_has_changed_meanwhile_is_not_confirmed",
    ),
    Mutant(
        "P1",
        "core/access/proposals.py",
        "    if not waiting.proposed_by.has_perm(change.permission):\n        raise ProposerGone\n",
        "",
        f"{_PROPOSALS}test_an_account_that_is_locked_is_no_longer_one_of_the_two",
    ),
    Mutant(
        "P1",
        "core/access/proposals.py",
        "    _require(person, change)\n    if unknown",
        "    if unknown",
        f"{_PROPOSALS}test_who_may_not_change_it_may_neither_propose_nor_decide",
    ),
    Mutant(
        "B1",
        "bonuses/changes/bonus_terms.py",
        "    is_tightening=lambda _before, _after: False,",
        '    is_tightening=lambda before, after: after.get("units", 0) <= before.get("units", 0),',
        "tests/bonuses/changes/test_bonus_terms.py::test_nothing_about_terms_is_a_tightening",
    ),
    # Each field's direction
    Mutant(
        "M1",
        _TIGHTENS,
        '"is_paused": lambda before, after: bool(after),',
        '"is_paused": lambda before, after: True,',
        _EACH,
    ),
    Mutant(
        "M1",
        _TIGHTENS,
        '"opens": lambda before, after: after >= before,',
        '"opens": lambda before, after: after <= before,',
        _EACH,
    ),
    Mutant(
        "M1",
        _TIGHTENS,
        '"closes": lambda before, after: after <= before,',
        '"closes": lambda before, after: after >= before,',
        _EACH,
    ),
    Mutant(
        "M1", _TIGHTENS, "_open_days(after) <= _open_days(before)", "_open_days(after) >= _open_days(before)", _EACH
    ),
    Mutant(
        "M1",
        _TIGHTENS,
        "_open_days(after) <= _open_days(before)",
        "len(_open_days(after)) <= len(_open_days(before))",
        f"{_POLICY}test_another_day_instead_of_one_is_a_loosening",
    ),
    Mutant("M1", _TIGHTENS, "return set(weekdays or SendingPolicy.Weekday.values)", "return set(weekdays)", _EACH),
    Mutant("M1", _TIGHTENS, "set(after) >= set(before)", "set(after) <= set(before)", _EACH),
    Mutant(
        "M4",
        _TIGHTENS,
        '"offers_a_month": lambda before, after: after <= before,',
        '"offers_a_month": lambda before, after: True,',
        _EACH,
    ),
    Mutant(
        "M4",
        _TIGHTENS,
        '"offers_a_day": lambda before, after: after <= before,',
        '"offers_a_day": lambda before, after: True,',
        _EACH,
    ),
    Mutant(
        "M5",
        _TIGHTENS,
        '"surveys_a_month": lambda before, after: after <= before,',
        '"surveys_a_month": lambda before, after: True,',
        _EACH,
    ),
    Mutant("M4", _TIGHTENS, "return all(_TIGHTENS[name]", "return any(_TIGHTENS[name]", _MIXED),
]
