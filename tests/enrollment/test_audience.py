"""Who is selected: what the definition says and no more, and only who agreed (M2)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import translation

from enrollment.audience import selection, traits
from enrollment.audience.definition import Audience, BadAudience, parse
from enrollment.audience.selection import Exclusion
from enrollment.audience.words import in_words
from enrollment.models import Channel, Fact, Interest, Membership, Purpose, Subscriber, SubscriberFact, Town
from tests.bonuses.conftest import enroll

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 7, tzinfo=UTC)


@pytest.fixture
def member(make_subscriber: Callable[..., Subscriber]) -> Callable[..., Subscriber]:
    """A member who joined at `joined_at`, with these fields."""
    numbers = iter(range(10, 99))

    def make(joined_at: datetime = NOW, **fields: Any) -> Subscriber:
        subscriber = make_subscriber(msisdn=f"770100000{next(numbers)}", **fields)
        enroll(subscriber, joined_at)
        return subscriber

    return make


def chosen(audience: Audience, **more: Any) -> set[int]:
    """Who may be reached by SMS for offers."""
    given = {"purpose": Purpose.OFFERS, "channels": [Channel.SMS], "now": NOW, **more}
    found = selection.reachable(audience, **given)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT s.id {found.sql}", found.given)
        return {pk for (pk,) in cursor.fetchall()}


def town(code: str) -> Town:
    return Town.objects.get(code=code)


def test_who_never_joined_or_has_left_is_not_selected(
    member: Callable[..., Subscriber], make_subscriber: Callable[..., Subscriber]
) -> None:
    stays, leaves = member(), member()
    make_subscriber()
    Membership.objects.filter(subscriber=leaves).update(left_at=NOW, left_by="x", left_reason="opt_out", consents=0)

    assert chosen(Audience()) == {stays.pk}


@pytest.mark.parametrize(
    ("consents", "purpose", "channels", "is_chosen"),
    [
        (1, Purpose.OFFERS, [Channel.SMS], True),
        (2, Purpose.OFFERS, [Channel.SMS], False),
        (2, Purpose.OFFERS, [Channel.SMS, Channel.USSD], True),
        (8, Purpose.OFFERS, [Channel.SMS, Channel.USSD, Channel.IVR], False),
        (8, Purpose.SURVEYS, [Channel.SMS], True),
        (0, Purpose.SURVEYS, [Channel.SMS], False),
    ],
)
def test_only_who_agreed_to_the_purpose_on_a_channel(
    member: Callable[..., Subscriber], consents: int, purpose: Purpose, channels: list[Channel], is_chosen: bool
) -> None:
    """M2."""
    somebody = member()
    Membership.objects.update(consents=consents)

    assert chosen(Audience(), purpose=purpose, channels=channels) == ({somebody.pk} if is_chosen else set())


def test_towns_and_regions_add_up(member: Callable[..., Subscriber]) -> None:
    almaty, astana, temirtau = (member(town=town(code)) for code in ("almaty", "astana", "temirtau"))
    member(town=None)
    region = town("temirtau").region_id

    assert chosen(Audience(towns=("almaty",))) == {almaty.pk}
    assert chosen(Audience(towns=("almaty",), regions=(region,))) == {almaty.pk, temirtau.pk}
    assert astana.pk not in chosen(Audience(regions=(region,)))


@pytest.mark.parametrize(
    ("born", "low", "high", "fits"),
    [
        (date(2008, 11, 21), 18, None, True),
        (date(2008, 11, 22), 18, None, False),
        (date(1990, 11, 21), None, 35, False),
        (date(1990, 11, 22), None, 35, True),
        (None, 18, None, False),
        (None, None, 35, False),
        (None, None, None, True),
    ],
    ids=["18 today", "18 tomorrow", "36 today", "36 tomorrow", "unknown, at least", "unknown, at most", "not asked"],
)
def test_ages_are_whole_years_on_the_day(
    member: Callable[..., Subscriber], born: date | None, low: int | None, high: int | None, fits: bool
) -> None:
    somebody = member(birth_date=born)

    assert chosen(Audience(age_from=low, age_to=high)) == ({somebody.pk} if fits else set())


def test_one_of_the_interests_is_enough(member: Callable[..., Subscriber]) -> None:
    bits = dict(Interest.objects.values_list("code", "bit"))
    both, coffee = member(interests=1 << bits["coffee"] | 1 << bits["auto"]), member(interests=1 << bits["coffee"])
    member()

    assert chosen(Audience(interests=("coffee", "books"))) == {both.pk, coffee.pk}
    assert chosen(Audience(interests=("auto",))) == {both.pk}


def test_language_gender_and_tariff(member: Callable[..., Subscriber]) -> None:
    kazakh = member(language="kk", gender="f", tariff="ACT-NET-5")
    member(language="ru", gender="f", tariff="ACT-NET-5")
    member(language="kk", gender="m", tariff="ACT-NET-5")
    member(language="kk", gender="f", tariff="OTHER")

    assert chosen(Audience(languages=("kk",), genders=("f",), tariffs=("ACT-NET-5",))) == {kazakh.pk}


def test_months_of_membership(member: Callable[..., Subscriber]) -> None:
    old = member(joined_at=datetime(2026, 8, 21, 7, tzinfo=UTC))
    new = member(joined_at=datetime(2026, 8, 21, 8, tzinfo=UTC))

    assert chosen(Audience(months_from=3)) == {old.pk}
    assert chosen(Audience(months_to=2)) == {new.pk}


def test_a_fact_told_in_a_survey(member: Callable[..., Subscriber]) -> None:
    driver, walker = member(), member()
    car = Fact.objects.create(code="car", label="Has a car", values=["yes", "no"])
    for subscriber, value in ((driver, "yes"), (walker, "no")):
        SubscriberFact.objects.create(subscriber=subscriber, fact=car, value=value, told_at=NOW)

    assert chosen(Audience(facts=("car=yes",))) == {driver.pk}


def test_a_trait_is_asked_for_or_excluded(member: Callable[..., Subscriber], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traits, "_traits", {})
    traits.register(traits.Trait("even", "even", "odd things", "s.id % 2 = 0".replace("%", "%%")))
    people = {member().pk, member().pk}
    even = {pk for pk in people if pk % 2 == 0}

    assert chosen(parse({"traits": ["even"]})) == even
    assert chosen(parse({"not_traits": ["even"]})) == people - even


def test_who_is_left_out_is_counted_by_the_first_reason(member: Callable[..., Subscriber]) -> None:
    shy, excluded, reached = member(), member(), member()
    Membership.objects.filter(subscriber=shy).update(consents=0)
    exclusions = [
        Exclusion("chosen", "s.id = ANY(%(them)s)", given={"them": [shy.pk, excluded.pk]}),
        Exclusion("unknown", "NULL::boolean"),
    ]

    counts = selection.count(Audience(), purpose=Purpose.OFFERS, channels=[Channel.SMS], now=NOW, exclusions=exclusions)

    assert (counts.matched, counts.excluded, counts.reachable) == (3, {"chosen": 1, "no_consent": 1}, 1)
    assert chosen(Audience(), exclusions=exclusions) == {reached.pk}
    assert chosen(Audience(), exclusions=exclusions, first=0, after=reached.pk) == set()


@pytest.mark.parametrize(
    "data",
    [
        {"towns": ["atlantis"]},
        {"colour": ["red"]},
        {"age_from": "old"},
        {"age_from": 40, "age_to": 30},
        {"age_from": -1},
        {"months_to": 10**9},
        {"interests": ["'; DROP TABLE enrollment_subscriber; --"]},
        {"facts": ["car=yes"]},
        {"traits": ["rich"]},
        {"towns": [1]},
        {"languages": ["xx"]},
        {"tariffs": ["x" * 81]},
    ],
)
def test_a_definition_that_cannot_be_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(BadAudience):
        parse(data)


def test_a_definition_survives_being_saved() -> None:
    audience = Audience(towns=("almaty",), age_from=18, interests=("coffee",))

    assert parse(audience.to_json()) == audience


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Members in Almaty or Astana, reading Kazakh, aged 18 to 35, interested in coffee"),
        ("ru", "Участники: Алматы или Астана, язык: казахский, возраст от 18 до 35, интересы: кофе"),
        ("kk", "Қатысушылар: Алматы немесе Астана, тілі: қазақ, жасы 18–35, қызығушылығы: кофе"),
    ],
)
def test_it_reads_as_a_sentence(language: str, sentence: str) -> None:
    audience = Audience(towns=("almaty", "astana"), languages=("kk",), age_from=18, age_to=35, interests=("coffee",))

    with translation.override(language):
        assert in_words(audience).casefold() == sentence.casefold()


def test_nothing_said_is_everybody() -> None:
    with translation.override("en"):
        assert in_words(Audience()) == "All members"


def test_who_was_born_on_29_february_is_a_year_older_on_1_march(member: Callable[..., Subscriber]) -> None:
    leapling = member(birth_date=date(2008, 2, 29))

    for now, fits in ((datetime(2026, 2, 28, 7, tzinfo=UTC), False), (datetime(2026, 3, 1, 7, tzinfo=UTC), True)):
        assert (leapling.pk in chosen(Audience(age_from=18), now=now + timedelta())) is fits


def test_on_29_february_nobody_is_a_day_older_than_he_is(member: Callable[..., Subscriber]) -> None:
    """M7: there was no such day eighteen years ago; who is born on 1 March is not 18 yet."""
    leap_day = datetime(2028, 2, 29, 7, tzinfo=UTC)
    of_age, tomorrow = member(birth_date=date(2010, 2, 28)), member(birth_date=date(2010, 3, 1))

    assert chosen(Audience(age_from=18), now=leap_day) == {of_age.pk}
    assert chosen(Audience(age_to=17), now=leap_day) == {tomorrow.pk}


def test_a_line_that_has_a_new_owner_is_not_selected(member: Callable[..., Subscriber]) -> None:
    """M2: the membership has not been ended yet, but the line is another person's."""
    stays, lost = member(), member()
    Subscriber.objects.filter(pk=lost.pk).update(ended_at=NOW)

    assert chosen(Audience()) == {stays.pk}


def test_the_day_on_which_somebody_is_how_old_is_astanas(member: Callable[..., Subscriber]) -> None:
    """M7: 01:00 of the 22nd in Astana is still the 21st in UTC."""
    birthday = member(birth_date=date(2008, 11, 22))

    assert chosen(Audience(age_from=18), now=datetime(2026, 11, 21, 20, tzinfo=UTC)) == {birthday.pk}


def test_who_has_left_does_not_count_as_fitting(member: Callable[..., Subscriber]) -> None:
    """M2: a stay that is over is no membership, and one who came back is one person."""
    returned = member()
    Membership.objects.update(left_at=NOW, left_by="x", left_reason="opt_out", consents=0)
    enroll(returned, NOW)
    Membership.objects.filter(subscriber=member()).update(left_at=NOW, left_by="x", left_reason="opt_out", consents=0)

    counts = selection.count(Audience(), purpose=Purpose.OFFERS, channels=[Channel.SMS], now=NOW)

    assert (counts.matched, counts.reachable) == (1, 1)
