"""What the demo shows as going on: dials with screens, debits, an audience that is kept, a campaign that runs."""

from datetime import datetime
from pathlib import Path

import pytest

from bonuses.models import Debit, LedgerEntry
from campaigns.models import Campaign, Redemption
from campaigns.results import figures
from core.access.models import AuditEvent
from enrollment import joining
from enrollment.models import Membership, SavedAudience, Subscriber
from messaging.models import Message, MessageClass
from smart.local import demo, past, present
from smart.ussd.models import Dial
from tests.bonuses.conftest import violated

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, now: datetime) -> datetime:
    """A demo base of a tenth of its people."""
    lines = demo.FILE.read_bytes().splitlines(keepends=True)
    monkeypatch.setattr(demo, "FILE", tmp_path / "subscribers.csv")
    demo.FILE.write_bytes(b"".join(lines[:2_001]))
    monkeypatch.setattr(past, "LEFT_TO_JOIN", 500)
    monkeypatch.setattr(past, "MEMBERS", 1_000)
    assert demo.load(now=now)
    return now


def test_the_demo_shows_what_goes_on_and_breaks_no_rule(loaded: datetime) -> None:
    assert violated(loaded) == set()
    _people_dial()
    _units_are_spent()
    _a_campaign_runs()
    first = Subscriber.objects.order_by("pk").values_list("pk", flat=True)[: present.FIRST]  # for who tries the handset
    assert not any(joining.current_membership(person) for person in first)


def _people_dial() -> None:
    dials = list(Dial.objects.all())

    assert {"*555*1#", "*555*00#", "*555*2#", "*555#", "*777#"} <= {dial.dialed for dial in dials}
    assert len(dials) > present.MEMBERS
    assert all(dial.subscriber_id and dial.steps and all(step[3] for step in dial.steps) for dial in dials)
    assert max(len(dial.steps) for dial in dials) >= 3
    joined = Membership.objects.filter(joined_by="ussd:simulator-native")
    assert joined.count() == present.MEMBERS
    assert joined.filter(left_at=None).count() == present.MEMBERS * 9 // 10


def _units_are_spent() -> None:
    refused = set(Debit.objects.exclude(refusal="").values_list("refusal", flat=True))

    assert Debit.objects.filter(refusal="").count() > 15
    assert refused >= {"not_payable", "roaming", "insufficient_units"}
    assert LedgerEntry.objects.filter(kind="debit").exists()


def _a_campaign_runs() -> None:
    campaign, audience = Campaign.objects.get(state="running"), SavedAudience.objects.get()
    placed = Message.objects.filter(campaign=campaign.pk, message_class=MessageClass.OFFER)

    assert campaign.saved_audience == audience
    assert campaign.audience == audience.definition
    assert AuditEvent.objects.filter(action="create_audience", subject=f"audience:{audience.pk}").exists()
    assert 0 < placed.count() <= 2 * campaign.daily_budget
    assert figures.of(campaign).totals[None].placed == placed.count()
    if placed.filter(state=Message.State.DELIVERED).exists():  # nothing leaves on a day that sending is off
        assert Redemption.objects.filter(campaign=campaign).exists()
