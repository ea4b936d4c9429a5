"""Terms of months to come take two people whichever way they change (B1, B5, B6, B9, B11; ADR 0027)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import translation

from bonuses import lifecycle
from bonuses.changes.bonus_terms import TermsBegun, TermsUsed
from bonuses.models import BonusTerms
from core.access import proposals
from core.access.models import AuditEvent, Proposal
from enrollment.models import Subscriber

DECEMBER = "monthly:2026-12-01"
TERMS = {"units": 600, "valid_hours": 168, "activate_within_days": 30, "payable": ["call:on_net", "sms:on_net"]}

Submit = Callable[..., Proposal]


@pytest.fixture
def submit(db: None, now: datetime) -> Submit:
    """Anna proposes terms; they always wait."""
    anna = User.objects.create_superuser("anna")

    def make(after: dict[str, Any] | None, subject: str = DECEMBER, at: datetime = now) -> Proposal:
        proposal = proposals.submit(kind="bonus_terms", subject=subject, after=after, person=anna, now=at)
        assert proposal is not None
        return proposal

    return make


@pytest.fixture
def confirm(db: None, now: datetime) -> Callable[..., Proposal]:
    """Berik confirms."""
    berik = User.objects.create_superuser("berik")
    return lambda proposal, at=now: proposals.confirm(proposal=proposal, person=berik, now=at)


def december() -> BonusTerms | None:
    return BonusTerms.objects.filter(kind="monthly", effective_from=date(2026, 12, 1)).first()


def figures(terms: BonusTerms | None) -> tuple[int, int, int, set[str]] | None:
    if terms is None:
        return None
    services = {str(service.service) for service in terms.payable.all()}
    return terms.units, terms.valid_hours, terms.activate_within_days, services


def test_terms_are_made_changed_and_removed_by_two(submit: Submit, confirm: Callable[..., Proposal]) -> None:
    steps: list[tuple[dict[str, Any] | None, Any]] = [
        (TERMS, (600, 168, 30, {"call", "sms"})),
        ({"units": 400}, (400, 168, 30, {"call", "sms"})),
        ({"valid_hours": 24, "payable": ["data:internet"]}, (400, 24, 30, {"data"})),
        ({"activate_within_days": 10}, (400, 24, 10, {"data"})),
        (None, None),
    ]
    for after, expected in steps:
        before = figures(december())
        proposal = submit(after)
        assert figures(december()) == before
        confirm(proposal)
        assert figures(december()) == expected

    told = AuditEvent.objects.filter(action="change_bonus_terms")
    assert {(event.by, event.subject) for event in told} == {("staff:berik", f"terms:{DECEMBER}")}
    assert told.count() == len(steps)


@pytest.mark.parametrize("after", [{"units": 1}, {"units": 10_000}, {"valid_hours": 1}, {"payable": []}], ids=str)
def test_nothing_about_terms_is_a_tightening(
    submit: Submit, confirm: Callable[..., Proposal], after: dict[str, Any]
) -> None:
    """More costs the operator, less takes from members."""
    confirm(submit(TERMS))

    submit(after)

    assert figures(december()) == (600, 168, 30, {"call", "sms"})


def test_terms_whose_month_has_begun_are_not_proposed(submit: Submit) -> None:
    with pytest.raises(TermsBegun):
        submit(TERMS, subject="monthly:2026-11-01")


def test_terms_whose_month_began_while_they_waited_are_not_confirmed(
    submit: Submit, confirm: Callable[..., Proposal]
) -> None:
    """Astana's December begins at 19:00 UTC."""
    december_begins = datetime(2026, 11, 30, 19, tzinfo=UTC)
    proposal = submit(TERMS, at=datetime(2026, 11, 29, tzinfo=UTC))

    with pytest.raises(TermsBegun):
        confirm(proposal, december_begins)
    confirm(proposal, december_begins - timedelta(microseconds=1))

    assert december() is not None


def test_terms_that_grants_were_issued_under_stay(
    submit: Submit, confirm: Callable[..., Proposal], make_member: Callable[..., Subscriber]
) -> None:
    """The programme's clock was set back: the database still refuses, and says so in words."""
    confirm(submit(TERMS))
    lifecycle.issue(subscriber=make_member(), now=datetime(2026, 12, 1, 7, tzinfo=UTC))

    for after in ({"units": 1}, {"payable": []}, None):
        proposal = submit(after)
        with pytest.raises(TermsUsed):
            confirm(proposal)
        proposals.withdraw(proposal=proposal, person=proposal.proposed_by, now=proposal.proposed_at)


@pytest.mark.parametrize("after", [{**TERMS, "units": 0}, {**TERMS, "valid_hours": 0}], ids=["no units", "no hours"])
def test_terms_that_cannot_be_are_not_proposed(submit: Submit, after: dict[str, Any]) -> None:
    with pytest.raises(proposals.ChangeInvalid):
        submit(after)


def test_terms_do_not_begin_within_a_month(submit: Submit) -> None:
    with pytest.raises(proposals.ChangeInvalid, match="terms_start_on_the_first"):
        submit(TERMS, subject="monthly:2026-12-02")


def test_terms_made_meanwhile_are_not_made_again(submit: Submit, confirm: Callable[..., Proposal]) -> None:
    proposal = submit(TERMS)
    BonusTerms.objects.create(
        kind="monthly", effective_from=date(2026, 12, 1), units=1, valid_hours=1, activate_within_days=1
    )

    with pytest.raises(proposals.SubjectChanged):
        confirm(proposal)


def test_terms_changed_meanwhile_are_not_removed(submit: Submit, confirm: Callable[..., Proposal]) -> None:
    confirm(submit(TERMS))
    proposal = submit(None)
    BonusTerms.objects.filter(effective_from=date(2026, 12, 1)).update(valid_hours=1)

    with pytest.raises(proposals.SubjectChanged):
        confirm(proposal)


def test_the_forecast_tells_units_a_month(submit: Submit, make_member: Callable[..., object]) -> None:
    """Beside those that would be in force otherwise: B1's 500."""
    for _number in range(2):
        make_member()

    proposal = submit(TERMS)

    with translation.override("en"):
        assert proposal.change.forecast_in_words(proposal.forecast) == [
            "Members now: 2.",
            "Units issued to them each month: 1,000 → 1,200.",
        ]
        assert str(proposal) == "monthly bonus from 01.12.2026 on"
        assert "units: — → 600" in proposal.summary
        assert "what units pay for: — → call: within activ and Kcell, SMS: within activ and Kcell" in proposal.summary


def test_the_forecast_of_rewards_counts_last_months(submit: Submit) -> None:
    """B11."""
    proposal = submit({**TERMS, "units": 70}, subject="survey:2026-12-01")

    assert proposal.forecast == {"kind": "survey", "count": 0, "units": [50, 70]}
    with translation.override("en"):
        assert proposal.change.forecast_in_words(proposal.forecast)[0] == "Rewards earned last month: 0."
