"""Who is selected: what the definition says and no more, and only who agreed (M2)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import translation

from enrollment.audience import selection
from enrollment.audience.condition import Audience
from enrollment.audience.definition import BadAudience, parse
from enrollment.audience.selection import Exclusion
from enrollment.audience.words import in_words
from enrollment.models import Channel, Membership, Purpose, Subscriber
from tests.bonuses.conftest import enroll
from tests.enrollment.audience import NOW

pytestmark = pytest.mark.django_db


def chosen(audience: Audience, **more: Any) -> set[int]:
    """Who may be reached by SMS for offers."""
    given = {"purpose": Purpose.OFFERS, "channels": [Channel.SMS], "now": NOW, **more}
    found = selection.reachable(audience, **given)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT s.id {found.sql}", found.given)
        return {pk for (pk,) in cursor.fetchall()}


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
        {"traits": ["towns"]},
        {"redeemed": ["yes"]},
        {"traits": ["redeemed"], "not_traits": ["redeemed"]},
        {"redeemed_from": ["nobody"]},
        {"towns": [1]},
        {"languages": ["xx"]},
        {"tariffs": ["x" * 81]},
    ],
)
def test_a_definition_that_cannot_be_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(BadAudience):
        parse(data)


def test_a_definition_survives_being_saved() -> None:
    saved = {"towns": ["almaty"], "age_from": 18, "traits": ["redeemed"], "not_traits": ["activated_last_month"]}

    assert parse(saved).to_json() == saved


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Members in Almaty or Astana, reading Kazakh, aged 18 to 35, interested in coffee"),
        ("ru", "Участники: Алматы или Астана, язык: казахский, возраст от 18 до 35, интересы: кофе"),
        ("kk", "Қатысушылар: Алматы немесе Астана, тілі: қазақ, жасы 18–35, қызығушылығы: кофе"),
    ],
)
def test_it_reads_as_a_sentence(language: str, sentence: str) -> None:
    audience = parse(
        {"interests": ["coffee"], "towns": ["almaty", "astana"], "languages": ["kk"], "age_from": 18, "age_to": 35}
    )

    with translation.override(language):
        assert in_words(audience).casefold() == sentence.casefold()


def test_nothing_said_is_everybody() -> None:
    with translation.override("en"):
        assert in_words(Audience()) == "All members"


def test_a_line_that_has_a_new_owner_is_not_selected(member: Callable[..., Subscriber]) -> None:
    """M2: the membership has not been ended yet, but the line is another person's."""
    stays, lost = member(), member()
    Subscriber.objects.filter(pk=lost.pk).update(ended_at=NOW)

    assert chosen(Audience()) == {stays.pk}


def test_who_has_left_does_not_count_as_fitting(member: Callable[..., Subscriber]) -> None:
    """M2: a stay that is over is no membership, and one who came back is one person."""
    returned = member()
    Membership.objects.update(left_at=NOW, left_by="x", left_reason="opt_out", consents=0)
    enroll(returned, NOW)
    Membership.objects.filter(subscriber=member()).update(left_at=NOW, left_by="x", left_reason="opt_out", consents=0)

    counts = selection.count(Audience(), purpose=Purpose.OFFERS, channels=[Channel.SMS], now=NOW)

    assert (counts.matched, counts.reachable) == (1, 1)
