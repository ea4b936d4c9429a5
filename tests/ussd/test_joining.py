"""Who may join and what is on record of it; what leaving through the menu asks (J1, J3, J5)."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from bonuses import lifecycle as bonuses
from enrollment.models import ConsentEvent, ConsentText, Membership, Subscriber
from tests.bonuses.conftest import enroll
from tests.ussd.conftest import Gateway

pytestmark = pytest.mark.django_db
ANNA = "77010000001"


@pytest.fixture(autouse=True)
def _noon(at: Callable[[datetime], None], now: datetime) -> None:
    at(now)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"brand": "kcell"}, "SMART is for activ numbers only."),
        ({"line_status": "gone"}, "SMART is for activ numbers only."),
        ({"line_status": "terminated"}, "SMART is for activ numbers only."),
        ({"line_status": "suspended"}, "Your line is suspended. Restore it and dial again."),
        ({"line_status": "blocked"}, "Your line is suspended. Restore it and dial again."),
    ],
    ids=["another brand", "gone", "terminated", "suspended", "blocked"],
)
def test_who_may_not_join_hears_why(
    gateway: Gateway, make_subscriber: Callable[..., Subscriber], fields: dict[str, str], told: str
) -> None:
    make_subscriber(language="en", **fields)

    answer = gateway.walk(ANNA, "*555*1#")

    assert (answer["action"], answer["text"]) == ("end", told)
    assert not Membership.objects.exists()


def test_a_member_does_not_join_twice(
    gateway: Gateway, make_subscriber: Callable[..., Subscriber], now: datetime
) -> None:
    enroll(make_subscriber(language="en"), now)

    answer = gateway.walk(ANNA, "*555*1#")

    assert answer["text"] == "You are already in SMART."
    assert Membership.objects.count() == 1


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_what_was_shown_is_on_record_for_each_purpose_and_channel(
    gateway: Gateway, make_subscriber: Callable[..., Subscriber], language: str
) -> None:
    make_subscriber(language=language)
    text = ConsentText.objects.get()

    gateway.walk(ANNA, "*555*1#", "1")

    given = ConsentEvent.objects.all()
    assert {(one.purpose, one.channel) for one in given} == {
        (purpose, channel) for purpose in ("offers", "surveys") for channel in ("sms", "ussd", "ivr")
    }
    assert {(one.text_id, one.language, one.digest, one.key) for one in given} == {
        (text.pk, language, text.digest(language), "1")
    }


def test_the_newest_published_text_is_shown_and_no_draft(
    gateway: Gateway, make_subscriber: Callable[..., Subscriber], now: datetime
) -> None:
    make_subscriber(language="en")
    texts = {f"text_{language}": f"Version {{}} {language}" for language in ("kk", "ru", "en")}
    for version, published_at in ((7, now), (8, None)):
        said = {name: text.format(version) for name, text in texts.items()}
        ConsentText.objects.create(version=version, published_at=published_at, **said)

    assert gateway.walk(ANNA, "*555*1#")["text"].startswith("Version 7 en")


@pytest.mark.parametrize("is_active", [False, True], ids=["waiting", "active"])
def test_the_menu_names_what_leaving_would_cost(
    gateway: Gateway, make_subscriber: Callable[..., Subscriber], now: datetime, is_active: bool
) -> None:
    subscriber = make_subscriber(language="en")
    enroll(subscriber, now - timedelta(hours=1))
    if is_active:
        bonuses.activate(subscriber=subscriber, visited_plmn="40102", now=now)

    asked = gateway.walk(ANNA, "*555#", "2")

    assert asked["text"].startswith("Leave SMART? Units lost: 500.")
    assert Membership.objects.get().left_at is None
