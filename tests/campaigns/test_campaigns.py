"""A campaign from launch to end: who is placed, what each gets, that pausing and repeating double nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from campaigns.campaign import allocation, lifecycle, scoring
from campaigns.codes import pool
from campaigns.models import Campaign, Offer, Placement, PromoCode, Variant
from campaigns.offers import approval
from enrollment.models import Interest, Membership, Subscriber, Town
from messaging.models import Contact, Message, Stream
from tests.bonuses.conftest import enroll
from tests.campaigns.conftest import DRAFT

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 12, 1, 7, tzinfo=UTC)  # noon in Astana
ME = "staff:aidana"


@pytest.fixture
def member(make_subscriber: Callable[..., Subscriber]) -> Callable[..., Subscriber]:
    numbers = iter(range(10, 99))

    def make(**fields: Any) -> Subscriber:
        subscriber = make_subscriber(msisdn=f"770100000{next(numbers)}", **{"language": "ru", **fields})
        enroll(subscriber, NOW - timedelta(days=40))
        return subscriber

    return make


@pytest.fixture
def make_campaign(make_offer: Callable[..., Offer]) -> Callable[..., Campaign]:
    """A draft with one approved offer, or these; keywords change the campaign."""

    def make(*its_offers: Offer, **fields: Any) -> Campaign:
        campaign = Campaign.objects.create(
            **{
                "name": "December",
                "channels": ["sms", "ussd"],
                "starts_at": NOW,
                "ends_at": NOW + timedelta(days=5),
                "exploration": 0,
                "created_by": ME,
                "created_at": NOW,
                **fields,
            }
        )
        for offer in its_offers or (make_offer("approved"),):
            Variant.objects.create(campaign=campaign, offer=offer)
        return campaign

    return make


def run(campaign: Campaign, now: datetime = NOW) -> Campaign:
    lifecycle.launch(campaign=campaign, by=ME, now=now)
    lifecycle.feed(now=now)
    campaign.refresh_from_db()
    return campaign


def offered() -> dict[int, Message]:
    return {message.subscriber_id: message for message in Message.objects.filter(message_class="offer")}


def test_everybody_who_fits_gets_one_message(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign]
) -> None:
    kazakh, russian = member(language="kk"), member()
    campaign = run(make_campaign())

    found = offered()
    assert campaign.state == "running"
    assert found[kazakh.pk].text == DRAFT.text_kk
    assert found[russian.pk].text == DRAFT.text_ru
    assert {(m.channel, m.campaign, m.state) for m in found.values()} == {("sms", campaign.pk, "waiting")}
    assert (campaign.built, Placement.objects.count()) == (2, 2)
    assert Offer.objects.get().state == "live"
    assert lifecycle.feed(now=NOW + timedelta(minutes=1)) == 0


def test_it_starts_at_its_hour(member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign]) -> None:
    member()
    campaign = run(make_campaign(starts_at=NOW + timedelta(hours=1)))

    assert (campaign.state, offered()) == ("scheduled", {})
    assert lifecycle.feed(now=NOW + timedelta(hours=1)) == 1


def test_the_first_channel_agreed_to_is_taken(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> None:
    """M2."""
    texts, dials, calls = member(), member(), member()
    Membership.objects.filter(subscriber=dials).update(consents=2)
    Membership.objects.filter(subscriber=calls).update(consents=4)
    run(make_campaign(make_offer("approved", channels=("sms", "ussd")), channels=["sms", "ussd", "ivr"]))

    found = offered()
    assert {pk: message.channel for pk, message in found.items()} == {texts.pk: "sms", dials.pk: "ussd"}


def test_who_has_had_enough_this_month_is_left_out(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign]
) -> None:
    """M4."""
    full, fresh, last_month = member(), member(), member()
    Contact.objects.create(subscriber=full, month="2026-12-01", day="2026-12-01", offers=10)
    Contact.objects.create(subscriber=last_month, month="2026-11-01", day="2026-11-30", offers=10)
    campaign = make_campaign()

    counts = lifecycle.forecast(campaign=campaign, now=NOW).counts
    run(campaign)

    assert counts.excluded == {"cap_month": 1}
    assert set(offered()) == {fresh.pk, last_month.pk}


def test_towns_and_ages_of_the_offer_hold(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> None:
    almaty = Town.objects.get(code="almaty")
    fits = member(town=almaty, birth_date=date(1990, 1, 1))
    member(town=almaty, birth_date=date(2010, 1, 1))
    member(town=almaty, birth_date=None)
    member(town=None, birth_date=date(1990, 1, 1))
    campaign = make_campaign(make_offer("approved", category="health", interests=(), towns=("almaty",)))

    counts = lifecycle.forecast(campaign=campaign, now=NOW).counts
    run(campaign)

    assert set(offered()) == {fits.pk}
    assert (counts.excluded, counts.reachable) == ({"not_for_them": 3}, 1)


def test_nobody_gets_a_language_he_does_not_read(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> None:
    member(language="kk")
    english = member(language="en")
    campaign = make_campaign(make_offer("approved", text_ru="", text_kk="", text_en="30% off"))

    counts = lifecycle.forecast(campaign=campaign, now=NOW).counts
    run(campaign)

    assert counts.excluded == {"no_language": 1}
    assert set(offered()) == {english.pk}


def test_who_had_the_offer_does_not_get_it_again(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> None:
    old = member()
    offer = make_offer("approved")
    run(make_campaign(offer))
    new = member()
    second = make_campaign(offer)

    counts = lifecycle.forecast(campaign=second, now=NOW).counts
    run(second)

    assert counts.excluded == {"had_it": 1}
    assert set(Placement.objects.filter(campaign=second).values_list("subscriber", flat=True)) == {new.pk}
    assert len(Message.objects.filter(subscriber=old, message_class="offer")) == 1


def test_the_holdout_is_placed_and_gets_nothing(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign]
) -> None:
    people = {member().pk for _ in range(40)}
    campaign = make_campaign(holdout=50)

    counts = lifecycle.forecast(campaign=campaign, now=NOW).counts
    run(campaign)

    held = set(Placement.objects.filter(variant=None).values_list("subscriber", flat=True))
    assert 0 < len(held) < 40
    assert counts.excluded == {"holdout": len(held)}
    assert held.isdisjoint(offered())
    assert held | set(offered()) == people


def test_variants_share_the_audience_for_good(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> None:
    for _ in range(40):
        member()
    campaign = make_campaign(make_offer("approved"))
    Variant.objects.create(campaign=campaign, offer=Offer.objects.get(), label="B", share=3, text_ru="Чай -30%")
    run(campaign)

    told = list(Message.objects.filter(message_class="offer").values_list("text", flat=True))
    assert len(told) == 40
    assert 0 < told.count(DRAFT.text_ru) < told.count("Чай -30%")


def test_each_gets_the_offer_of_his_interests_and_the_reason_is_kept(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> None:
    """M7."""
    bits = dict(Interest.objects.values_list("code", "bit"))
    drinks, drives = member(interests=1 << bits["coffee"]), member(interests=1 << bits["auto"])
    tyres = make_offer("approved", text_ru="Шины -15%", text_kk="", interests=("auto",))
    coffee = make_offer("approved")
    run(make_campaign(tyres, coffee))

    found = offered()
    assert found[drinks.pk].text == DRAFT.text_ru
    assert found[drives.pk].text == "Шины -15%"
    assert found[drives.pk].reason == f"offer offer={tyres.pk} interest rate=0.0200"


def test_exploration_gives_any_offer_that_fits(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> None:
    bit = Interest.objects.get(code="coffee").bit
    for _ in range(40):
        member(interests=1 << bit)
    tyres = make_offer("approved", text_ru="Шины -15%", text_kk="", interests=("auto",))
    run(make_campaign(tyres, make_offer("approved"), exploration=100))

    by_offer = Placement.objects.filter(offer=tyres)
    assert 5 < by_offer.count() < 35
    assert all(placement.is_explored for placement in by_offer)


def test_unique_codes_are_each_ones_own(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> None:
    people = [member() for _ in range(3)]
    run(make_campaign(make_offer("approved", codes="unique", text_ru="Код {code}", text_kk="")))

    given = {code.subscriber_id: code.code for code in PromoCode.objects.filter(subscriber__isnull=False)}
    assert set(given) == {person.pk for person in people}
    assert {pk: message.text for pk, message in offered().items()} == {pk: f"Код {code}" for pk, code in given.items()}


def test_a_text_is_measured_with_the_codes_there_are(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> None:
    member()
    text = "я" * 52 + " {code}"  # 61 characters with a code of ours, 73 with one of the partner's
    offer = make_offer("approved", codes="unique", text_ru=text, text_kk="")
    pool.bring_own(offer=offer, codes=["ARBAT000000000000001"])
    run(make_campaign(offer))

    assert [(message.segments, message.text[-20:]) for message in offered().values()] == [(2, "ARBAT000000000000001")]


def test_a_code_for_all_stands_in_the_text(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> None:
    member()
    run(make_campaign(make_offer("approved", codes="shared", shared_code="ARBAT30", text_ru="Код {code}", text_kk="")))

    assert [message.text for message in offered().values()] == ["Код ARBAT30"]


def test_other_braces_of_a_text_stay_as_they_are(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> None:
    member()
    text = "Букеты -25% {{7*7}} {0.__class__} %(now)s %s"
    run(make_campaign(make_offer("approved", text_ru=text, text_kk="")))

    assert [message.text for message in offered().values()] == [text]


def test_a_daily_budget_is_kept(member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign]) -> None:
    for _ in range(5):
        member()
    campaign = run(make_campaign(daily_budget=2))

    assert campaign.built == 2
    assert lifecycle.feed(now=NOW + timedelta(hours=1)) == 0
    assert lifecycle.feed(now=NOW + timedelta(days=1)) == 2
    assert lifecycle.feed(now=NOW + timedelta(days=2)) == 1
    assert len(offered()) == 5


def test_pausing_stops_the_stream_and_resuming_sends_nobody_twice(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign]
) -> None:
    member()
    campaign = run(make_campaign())

    lifecycle.pause(campaign=campaign, by=ME, now=NOW)
    assert Stream.objects.get(pk=campaign.stream_id).is_paused
    assert lifecycle.feed(now=NOW) == 0
    lifecycle.resume(campaign=campaign, by=ME, now=NOW)
    lifecycle.feed(now=NOW)

    assert not Stream.objects.get(pk=campaign.stream_id).is_paused
    assert len(offered()) == 1


def test_cancelling_cancels_what_waits(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign]
) -> None:
    member()
    campaign = run(make_campaign())

    assert lifecycle.cancel(campaign=campaign, by=ME, now=NOW) == 1
    assert {(message.state, message.why) for message in offered().values()} == {("cancelled", "cancelled")}


def test_an_edited_offer_is_sent_no_more_until_it_is_approved(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> None:
    member()
    offer = make_offer("approved")
    campaign = run(make_campaign(offer))

    approval.edit(offer=offer, draft=replace(DRAFT, discount=40), by="partner:dana", now=NOW)
    member()
    Campaign.objects.filter(pk=campaign.pk).update(watermark_end=campaign.watermark_end + 1_000_000)

    assert {message.state for message in offered().values()} == {"cancelled"}
    assert lifecycle.feed(now=NOW) == 0
    approval.approve(offer=offer, by="staff:erlan", now=NOW)
    assert lifecycle.feed(now=NOW) == 0  # an approved one goes live with a launch only
    assert Offer.objects.get().state == "approved"


def test_an_offer_that_went_back_is_placed_no_further_until_it_is_approved(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> None:
    """P1: marketing's yes was to another text."""
    member(), member()
    offer = make_offer("approved")
    run(make_campaign(offer, daily_budget=1))
    approval.edit(offer=offer, draft=replace(DRAFT, discount=40), by="partner:dana", now=NOW)

    assert lifecycle.feed(now=NOW + timedelta(days=1)) == 0
    approval.approve(offer=offer, by="staff:erlan", now=NOW)
    assert lifecycle.feed(now=NOW + timedelta(days=1)) == 1


def test_finished_means_that_every_message_ended(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign]
) -> None:
    member()
    campaign = run(make_campaign())
    assert campaign.state == "running"

    Message.objects.filter(campaign=campaign.pk).update(state="expired", why="late", ended_at=NOW)
    lifecycle.feed(now=NOW)

    campaign.refresh_from_db()
    assert (campaign.state, campaign.finished_at) == ("finished", NOW)


def test_at_its_end_what_waits_is_cancelled(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign]
) -> None:
    member()
    campaign = run(make_campaign())

    lifecycle.feed(now=NOW + timedelta(days=6))

    campaign.refresh_from_db()
    assert campaign.state == "finished"
    assert {message.state for message in offered().values()} == {"cancelled"}


@pytest.mark.parametrize(
    ("state", "fields", "why"),
    [
        ("submitted", {}, "waiting for approval"),
        ("approved", {"ends_at": NOW + timedelta(minutes=1)}, ""),
        ("approved", {"channels": ["ivr"]}, "none of the campaign"),
        ("approved", {"starts_at": NOW + timedelta(days=15), "ends_at": NOW + timedelta(days=20)}, "over before"),
    ],
)
def test_what_is_in_the_way_of_a_launch_is_told(
    make_campaign: Callable[..., Campaign],
    make_offer: Callable[..., Offer],
    state: str,
    fields: dict[str, Any],
    why: str,
) -> None:
    campaign = make_campaign(make_offer(state), **fields)

    if not why:
        assert lifecycle.launch(campaign=campaign, by=ME, now=NOW).state == "scheduled"
        return
    with translation.override("en"), pytest.raises(lifecycle.CampaignNotReady, match=why):
        lifecycle.launch(campaign=campaign, by=ME, now=NOW)
    campaign.refresh_from_db()
    assert campaign.state == "draft"


def test_the_database_refuses_an_illegal_move(make_campaign: Callable[..., Campaign]) -> None:
    campaign = make_campaign()

    with pytest.raises(IntegrityError), transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk).update(state="finished", finished_at=NOW)


def test_a_forecast_walks_the_windows(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign]
) -> None:
    for _ in range(5):
        member()

    def ends(**fields: Any) -> datetime | None:
        return lifecycle.forecast(campaign=make_campaign(Offer.objects.get(), **fields), now=NOW).ends_at

    make_campaign()
    assert ends() == NOW
    assert ends(rate_per_minute=1) == NOW + timedelta(minutes=5)
    assert ends(daily_budget=2) == datetime(2026, 12, 3, 5, tzinfo=UTC)
    assert ends(daily_budget=1, ends_at=NOW + timedelta(days=2)) is None


def test_the_shop_s_telephone_and_link_stand_in_the_text(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> None:
    """Where the text has a place for them; other braces are letters."""
    member(language="ru")
    offer = make_offer(
        "approved",
        text_kk="",
        text_ru="-30% {x}: {phone}, {url}",
        phone="8 727 250 00 00",
        url="https://arbat.example/x",
    )
    run(make_campaign(offer))

    assert Message.objects.get(message_class="offer").text == "-30% {x}: 8 727 250 00 00, https://arbat.example/x"


def test_a_forecast_goes_no_faster_than_the_network(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], settings: Any
) -> None:
    for _ in range(6):
        member()
    slow = {"name": "slow", "kind": "smpp", "rate": 0.025}
    campaign = make_campaign(rate_per_minute=1_000)

    def ends() -> datetime | None:
        return lifecycle.forecast(campaign=campaign, now=NOW).ends_at

    settings.TRANSPORTS = [slow, {**slow, "name": "other", "channels": ["sms"]}, {**slow, "channels": ["ivr"]}]
    assert ends() == NOW + timedelta(minutes=2)  # three a minute by two transports
    settings.TRANSPORTS = [slow, {"name": "fast", "kind": "smpp"}]
    assert ends() == NOW + timedelta(minutes=6 / 1_000)


def test_segments_are_forecast_by_language_and_share(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> None:
    """Ten read Kazakh: one segment, or four for one of five. Five read Russian: two."""
    for _ in range(10):
        member(language="kk")
    for _ in range(5):
        member(language="ru")
    offer = make_offer("approved", text_kk="Б" * 70, text_ru="Б" * 71, text_en="")
    campaign = make_campaign(offer)
    Variant.objects.filter(campaign=campaign).update(share=80)
    Variant.objects.create(campaign=campaign, offer=offer, label="B", text_kk="Б" * 210, share=20)

    assert lifecycle.forecast(campaign=campaign, now=NOW).segments == 10 * (0.8 * 1 + 0.2 * 4) + 5 * 2


def test_a_part_of_the_budget_goes_on_behind_the_last_one_placed(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign]
) -> None:
    people = sorted(member().pk for _ in range(3))
    campaign = make_campaign(daily_budget=2)
    lifecycle.launch(campaign=campaign, by=ME, now=NOW)
    lifecycle.feed(now=NOW)

    campaign.refresh_from_db()
    assert campaign.watermark == people[1] + 1


def test_one_offer_s_variants_are_dealt_as_several_offers_would_be(
    member: Callable[..., Subscriber],
    make_campaign: Callable[..., Campaign],
    make_offer: Callable[..., Offer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is left out where there is nothing to choose changes nothing: who gets which text, by which channel, why."""
    for number in range(60):
        member(
            language=("kk", "ru")[number % 2], birth_date=date(1950 + number, 1, 1), gender=("f", "m", "")[number % 3]
        )
    dialers = list(Membership.objects.values_list("pk", flat=True))[::7]
    Membership.objects.filter(pk__in=dialers).update(consents=2)
    offer = make_offer("approved", channels=("sms", "ussd"))
    campaign = make_campaign(offer, holdout=20, exploration=30)
    Variant.objects.create(campaign=campaign, offer=offer, label="B", text_ru="Другой текст", share=1)
    campaign = lifecycle.launch(campaign=campaign, by=ME, now=NOW)
    end = Subscriber.objects.latest("pk").pk + 1

    def placed() -> list[Any]:
        with transaction.atomic():
            allocation.place(campaign=campaign, first=0, after=end, limit=end, now=NOW)
            placements = Placement.objects.values_list("subscriber", "variant", "offer", "score", "is_explored")
            messages = Message.objects.filter(message_class="offer").values_list(
                "subscriber", "channel", "text", "reason"
            )
            found = [sorted(placements), sorted(messages)]
            transaction.set_rollback(True)
        return found

    dealt = placed()
    monkeypatch.setattr(allocation, "_ONLY", allocation._BEST)

    assert dealt == placed()
    assert len({variant for _subscriber, variant, *_rest in dealt[0]}) == 3  # A, B and the holdout


def test_who_is_how_old_is_asked_of_the_day_in_astana() -> None:
    """At 19:00 UTC it is the next day there, and somebody's birthday."""
    evening = datetime(2026, 12, 1, 19, tzinfo=UTC)

    assert scoring.ages(evening)["under_25"] == date(2001, 12, 2)
    assert scoring.ages(evening - timedelta(seconds=1))["under_25"] == date(2001, 12, 1)


def test_placing_costs_a_fixed_number_of_statements(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], django_assert_max_num_queries: Any
) -> None:
    for _ in range(10):
        member()
    campaign = make_campaign()
    lifecycle.launch(campaign=campaign, by=ME, now=NOW)
    campaign.refresh_from_db()

    with transaction.atomic(), django_assert_max_num_queries(15):
        built, _on = allocation.place(campaign=campaign, first=0, after=10**9, limit=10**6, now=NOW)
    assert built == 10
    assert connection.in_atomic_block


def test_the_holdout_is_a_share_of_the_audience(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign]
) -> None:
    """M7: of sixty members a tenth get nothing, not nine tenths."""
    for _ in range(60):
        member()

    run(make_campaign(holdout=10))

    assert 0 <= Placement.objects.filter(variant=None).count() < 20
    assert len(offered()) > 40


def test_holdout_and_variants_are_drawn_apart(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> None:
    """M7: who is held out says nothing of which variant the others get."""
    for _ in range(60):
        member()
    campaign = make_campaign(make_offer("approved"), holdout=50)
    Variant.objects.create(campaign=campaign, offer=Offer.objects.get(), label="B", text_ru="Чай -30%")

    run(campaign)

    assert {message.text for message in offered().values()} == {DRAFT.text_ru, "Чай -30%"}


def test_of_two_offers_the_one_that_was_had_is_not_sent_again(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> None:
    """M7."""
    somebody = member(interests=1 << Interest.objects.get(code="coffee").bit)
    coffee = make_offer("approved")
    run(make_campaign(coffee))
    tyres = make_offer("approved", text_ru="Шины -15%", text_kk="", interests=("auto",))

    run(make_campaign(coffee, tyres))

    told = Message.objects.filter(subscriber=somebody, message_class="offer").order_by("pk")
    assert [message.text for message in told] == [DRAFT.text_ru, "Шины -15%"]
