"""Exact figures kept: a large campaign's page opens at once, one that is over outlives its messages (P1, ADR 0021)."""

import csv
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client

from campaigns.models import Campaign, CountedResult, Offer, Partner, PublishedResult
from campaigns.results import figures, publishing, store
from campaigns.results.figures import Compared, Figures, OfferTally
from enrollment.models import Subscriber
from messaging.models import Message
from tests.campaigns.test_campaigns import NOW, make_campaign, member
from tests.campaigns.test_results import ended, redeem, staff
from tests.messaging.conftest import execute
from tests.races import race

__all__ = ["ended", "make_campaign", "member", "staff"]

pytestmark = pytest.mark.django_db

OVER = NOW + timedelta(days=40)


@pytest.fixture
def large(ended: tuple[Campaign, dict[str, Subscriber]], monkeypatch: pytest.MonkeyPatch) -> Campaign:
    """A campaign that is too large to be counted while somebody waits."""
    monkeypatch.setattr(store, "AT_ONCE", 5)
    return Campaign.objects.get(pk=ended[0].pk)


@pytest.fixture
def countings(monkeypatch: pytest.MonkeyPatch) -> list[Campaign]:
    """The campaigns that were counted, one entry each time."""
    counted: list[Campaign] = []
    count = figures.of

    def told(campaign: Campaign) -> Figures:
        counted.append(campaign)
        return count(campaign)

    monkeypatch.setattr(figures, "of", told)
    return counted


def finish(campaign: Campaign) -> Campaign:
    """Let it be over."""
    Campaign.objects.filter(pk=campaign.pk).update(state="finished", finished_at=NOW + timedelta(days=6))
    return Campaign.objects.get(pk=campaign.pk)


def drop_messages() -> None:
    """Do what dropping the month's partition does to what is counted."""
    execute("TRUNCATE messaging_message CASCADE")


def test_figures_are_read_as_they_were_written(ended: tuple[Campaign, dict[str, Subscriber]], partner: Partner) -> None:
    campaign, people = ended
    redeem(people["delivered"], partner)
    counted = figures.of(campaign)
    store.count_anew(campaign=campaign, now=NOW)

    assert store.read(CountedResult.objects.get().figures) == counted
    assert counted.totals[None].redeemed == 1


def test_uplift_and_codes_for_all_are_kept_too() -> None:
    nothing: dict[Any, Any] = {(offer, name): {} for offer in (None, 7) for name in figures.DIMENSIONS}
    counted = Figures(
        totals={None: OfferTally(placed=3), 7: OfferTally(placed=3)},
        parts=nothing | {(7, "hour"): {None: OfferTally(placed=1), 12: OfferTally(placed=2)}},
        reasons={None: {("failed", "rejected"): 1}, 7: {}},
        held_out=4,
        uplift=Compared(3, 1, 4, 0),
        shared={7: 2},
        leaving=Compared(3, 0, 4, 1),
    )

    assert store.read(store.written(counted)) == counted


def test_what_was_kept_before_leaving_was_compared_is_read() -> None:
    kept = store.written(Figures({None: OfferTally()}, {}, {None: {}}, 4, None, {})) | {
        "uplift": {"members": 3, "members_redeemed": 1, "held_out": 4, "held_out_redeemed": 2}
    }
    del kept["leaving"]

    found = store.read(kept)

    assert (found.uplift, found.leaving) == (Compared(3, 1, 4, 2), None)


def test_a_small_campaign_is_counted_at_once(
    ended: tuple[Campaign, dict[str, Subscriber]], countings: list[Campaign]
) -> None:
    campaign, _people = ended

    known = store.known(campaign, now=NOW)

    assert (len(countings), known.counted_at, known.is_due) == (1, NOW, False)
    assert not CountedResult.objects.exists()


def test_a_large_one_s_page_opens_without_counting(large: Campaign, staff: Client, countings: list[Campaign]) -> None:
    page = staff.get(f"/admin/results/{large.pk}/", headers={"Accept-Language": "en"}).content.decode()

    assert countings == []
    assert "These results were never counted yet." in page
    assert "<progress" in page
    assert f'hx-post="/admin/results/{large.pk}/count/" hx-trigger="load"' in page


def test_it_is_counted_when_the_page_asks_and_then_shown(
    large: Campaign, staff: Client, countings: list[Campaign]
) -> None:
    address = f"/admin/results/{large.pk}/"

    answer = staff.post(f"{address}count/")
    page = staff.get(address, headers={"Accept-Language": "en"})

    assert answer["HX-Refresh"] == "true"
    assert len(countings) == 1
    assert page.context["total"].placed == 10
    assert "As counted at" in page.content.decode()
    assert "<progress" not in page.content.decode()


def test_it_is_counted_once_a_minute_however_many_look_on(large: Campaign, countings: list[Campaign]) -> None:
    for seconds in (0, 1, 30, 59):
        assert store.count_anew(campaign=large, now=NOW + timedelta(seconds=seconds))
    assert len(countings) == 1
    assert not store.known(large, now=NOW + timedelta(seconds=59)).is_due

    later = NOW + timedelta(seconds=60)
    assert store.known(large, now=later).is_due
    assert store.count_anew(campaign=large, now=later)
    assert len(countings) == 2
    assert store.known(large, now=later).counted_at == later


@pytest.mark.django_db(transaction=True)
def test_who_comes_while_it_is_counted_does_not_count_too(
    large: Campaign, staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, met = figures.of, []

    def meanwhile(campaign: Campaign) -> Figures:
        met.extend(race(lambda: staff.post(f"/admin/results/{large.pk}/count/")))
        return count(campaign)

    monkeypatch.setattr(figures, "of", meanwhile)

    assert store.count_anew(campaign=large, now=NOW)
    assert "HX-Refresh" not in met[0]
    assert 'hx-trigger="load delay:2s"' in met[0].content.decode()
    assert len(met) == 1


def test_a_counting_that_fails_is_free_for_the_next(large: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_campaign: Campaign) -> Figures:
        raise DatabaseError

    with monkeypatch.context() as broken:
        broken.setattr(figures, "of", fail)
        with pytest.raises(DatabaseError):
            store.count_anew(campaign=large, now=NOW)

    assert store.count_anew(campaign=large, now=NOW)
    assert store.known(large, now=NOW).figures is not None


def test_a_large_one_s_file_is_what_was_counted_last_and_says_when(
    large: Campaign, staff: Client, countings: list[Campaign]
) -> None:
    address = f"/admin/results/{large.pk}/results.csv"
    assert staff.get(address)["Location"] == f"/admin/results/{large.pk}/"
    store.count_anew(campaign=large, now=NOW)

    answer = staff.get(address, headers={"Accept-Language": "en"})
    rows = list(csv.reader(StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))

    assert rows[-1] == ["all offers", "", "counted at", "01.12.2026 12:00"]
    assert rows[1][:4] == ["all offers", "", "total", "10"]
    assert len(countings) == 1


def test_final_figures_outlive_the_messages(
    ended: tuple[Campaign, dict[str, Subscriber]], staff: Client, countings: list[Campaign]
) -> None:
    campaign = finish(ended[0])
    publishing.publish(campaign=campaign, now=OVER)
    drop_messages()
    assert not Message.objects.exists()

    page = staff.get(f"/admin/results/{campaign.pk}/", headers={"Accept-Language": "en"})

    assert page.context["total"].delivered == 2
    assert "Final, as counted at" in page.content.decode()
    assert len(countings) == 1


def test_final_figures_are_never_counted_again(large: Campaign, countings: list[Campaign]) -> None:
    campaign = finish(large)
    assert publishing.publish_daily(now=OVER) == 1

    assert store.count_anew(campaign=campaign, now=OVER + timedelta(days=1))
    assert publishing.publish_daily(now=OVER + timedelta(days=1)) == 0
    assert not store.known(campaign, now=OVER + timedelta(days=2)).is_due
    assert len(countings) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.update(figures={}),
        lambda rows: rows.update(is_final=False),
        lambda rows: rows.delete(),
        lambda _rows: execute("TRUNCATE campaigns_countedresult"),
    ],
    ids=["other figures", "open again", "deleted", "truncated"],
)
def test_the_database_refuses_to_change_what_is_final(
    ended: tuple[Campaign, dict[str, Subscriber]], change: Callable[[Any], object]
) -> None:
    publishing.publish(campaign=finish(ended[0]), now=OVER)
    rows = CountedResult.objects.filter(is_final=True)
    assert rows.count() == 1

    with pytest.raises(DatabaseError), transaction.atomic():
        change(rows)


def test_figures_without_their_time_are_refused(ended: tuple[Campaign, dict[str, Subscriber]]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        CountedResult.objects.create(campaign=ended[0], figures={})
    assert CountedResult.objects.create(campaign=ended[0]).figures is None


def test_partners_and_staff_get_their_final_figures_together(ended: tuple[Campaign, dict[str, Subscriber]]) -> None:
    campaign = finish(ended[0])

    publishing.publish(campaign=campaign, now=NOW + timedelta(days=7))
    assert (CountedResult.objects.get().is_final, PublishedResult.objects.get().is_final) == (False, False)

    publishing.publish(campaign=campaign, now=OVER)
    assert (CountedResult.objects.get().is_final, PublishedResult.objects.get().is_final) == (True, True)


@pytest.mark.parametrize(("months", "is_final"), [(3, True), (4, False), (0, False)])
def test_what_is_still_open_becomes_final_before_its_messages_go(
    ended: tuple[Campaign, dict[str, Subscriber]], settings: Any, months: int, is_final: bool
) -> None:
    """December's messages go on 1 April when three months are kept; its code redeems till June."""
    settings.MESSAGES_KEPT_MONTHS = months
    Offer.objects.update(valid_to="2027-06-30", state="submitted")
    campaign = finish(ended[0])

    publishing.publish(campaign=campaign, now=NOW.replace(year=2027, month=3, day=30))

    assert CountedResult.objects.get().is_final is is_final


def test_what_was_final_before_figures_were_kept_is_counted_while_it_can_be(
    ended: tuple[Campaign, dict[str, Subscriber]], settings: Any
) -> None:
    campaign = finish(ended[0])
    published = PublishedResult.objects.create(
        campaign=campaign, offer=Offer.objects.get(), day="2027-01-01", figures={"totals": {}}, is_final=True
    )

    assert publishing.publish_daily(now=OVER) == 0
    assert CountedResult.objects.get().is_final
    published.refresh_from_db()
    assert published.figures == {"totals": {}}


def test_what_was_final_and_has_no_messages_any_more_is_left(
    ended: tuple[Campaign, dict[str, Subscriber]], settings: Any
) -> None:
    settings.MESSAGES_KEPT_MONTHS = 3
    campaign = finish(ended[0])
    PublishedResult.objects.create(
        campaign=campaign, offer=Offer.objects.get(), day="2027-01-01", figures={"totals": {}}, is_final=True
    )

    assert publishing.publish_daily(now=NOW.replace(year=2027, month=4)) == 0
    assert not CountedResult.objects.exists()


def test_counting_is_for_staff_who_may_see_campaigns(
    large: Campaign, client: Client, countings: list[Campaign]
) -> None:
    address = f"/admin/results/{large.pk}/count/"

    assert client.post(address).status_code == 302
    client.force_login(User.objects.create_user("guest", password="x", is_staff=True))
    assert client.post(address).status_code == 403
    assert countings == []


def test_looking_counts_nothing(large: Campaign, staff: Client, countings: list[Campaign]) -> None:
    assert staff.get(f"/admin/results/{large.pk}/count/").status_code == 405
    assert countings == []


def test_a_large_one_s_page_costs_few_statements(
    large: Campaign, staff: Client, django_assert_max_num_queries: Any
) -> None:
    store.count_anew(campaign=large, now=NOW)

    with django_assert_max_num_queries(16):
        staff.get(f"/admin/results/{large.pk}/")
