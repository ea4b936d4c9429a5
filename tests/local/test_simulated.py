"""The demo's finished campaign: its pages are full, and its base keeps every invariant."""

from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from bonuses import lifecycle as bonuses
from campaigns.models import Campaign, Partner, PromoCode, PublishedResult, Redemption, Statement
from campaigns.partners import accounts
from campaigns.results import figures, publishing
from messaging import outbox
from smart.local import past, simulated
from smart.local.population import make_strangers
from tests.bonuses.conftest import violated

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, now: datetime) -> datetime:
    """A base with a partner and strangers, and its past."""
    monkeypatch.setattr(past, "MEMBERS", 1_500)
    monkeypatch.setattr(past, "LEFT_TO_JOIN", 100)
    outbox.make_partitions(now=now)
    outbox.confirm_epoch(by="test", reason="a test database", now=now)
    accounts.create(name="Arbat Coffee", slug="arbat", hosts=[], price=900, by="demo", now=now)
    make_strangers(1_700)
    assert past.load(now=now)
    bonuses.expire(now=now)
    return now


def test_the_past_fills_the_results_and_breaks_no_rule(loaded: datetime) -> None:
    campaign = Campaign.objects.get()
    counted = figures.of(campaign)
    total = counted.totals[None]

    assert campaign.state == "finished"
    assert counted.matched == 1_500
    assert 80 < counted.held_out < 250
    assert total.delivered > 0.85 * total.placed
    assert min(total.failed, total.opted_out, total.redeemed) > 0
    assert counted.uplift is not None
    assert counted.uplift.difference.is_sure
    assert len(counted.parts[None, "variant"]) == 3
    assert len(counted.parts[None, "town"]) > 50
    assert violated(loaded) == set()
    assert [publishing.read(row).is_final for row in PublishedResult.objects.all()] == [True, True]
    assert Statement.objects.get(partner=Partner.objects.get()).price == 900


def test_doing_it_again_changes_nothing(loaded: datetime) -> None:
    """Who ignored it ignores it, however often one asks; the past is made once."""
    campaign, before = Campaign.objects.get(), Redemption.objects.count()

    assert not past.load(now=loaded)
    assert simulated.react(campaign=campaign, now=loaded, taste=past.TASTE, seed="demo") == 0
    assert simulated.leave(campaign=campaign, taste=past.TASTE, seed="demo") == 0
    assert Redemption.objects.count() == before


def test_the_command_lets_each_member_act_once(loaded: datetime, capsys: pytest.CaptureFixture[str]) -> None:
    before = Redemption.objects.count()

    call_command("simulate_members")
    call_command("simulate_members")

    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{Redemption.objects.count() - before} codes were redeemed")
    assert not first.startswith("0 ")
    assert second == "0 codes were redeemed, 0 surveys were answered, 0 members left."


def test_codes_taken_at_once_are_what_the_operation_takes_one_by_one(loaded: datetime) -> None:
    """What the past has written down is undone and redeemed at the till, by the same members at the same instants."""
    campaign = Campaign.objects.get()
    written = rows_of_redemptions()
    assert len(written) > 100
    with connection.cursor() as cursor:  # append-only tables refuse, except to a replica's session
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("DELETE FROM campaigns_redemption")
        cursor.execute("RESET session_replication_role")
    PromoCode.objects.filter(campaign=campaign).update(used=0)

    simulated.react(campaign=campaign, now=campaign.starts_at + timedelta(days=4), taste=past.TASTE, seed="demo")

    assert rows_of_redemptions() == written


def rows_of_redemptions() -> list[tuple[object, ...]]:
    """All that redemptions hold but their ids, and what their codes count."""
    names = [field.attname for field in Redemption._meta.concrete_fields if not field.primary_key]
    return sorted(Redemption.objects.values_list(*names, "code__used"), key=repr)
