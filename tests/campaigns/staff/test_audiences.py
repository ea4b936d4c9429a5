"""The audience builder: what it counts, what it saves, what it refuses, who may (M2, M4, M7)."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from core.access.models import AuditEvent
from enrollment.audience import selection
from enrollment.models import Channel, Fact, Membership, Purpose, SavedAudience, SubscriberFact, Town
from messaging.models import Contact
from tests.bonuses.conftest import Member
from tests.campaigns.conftest import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
Staff = Callable[..., Client]
NEW, COUNT = "/admin/audiences/new/", "/admin/audiences/count/"
FOR_OFFERS = {"purpose": "offers", "channels": ["sms", "ussd", "ivr"]}


@pytest.fixture(autouse=True)
def _no_tariffs_remembered() -> None:
    cache.delete("audience_tariffs")


def told(client: Client, **asked: Any) -> str:
    """What stands beside the form."""
    return client.post(COUNT, {**FOR_OFFERS, **asked}).content.decode()


def reachable(page: str) -> int:
    return int(re.findall(r'data-reachable="(\d+)"', page)[0])


def test_it_counts_who_fits_and_says_who_is_left_out_why(staff: Staff, make_member: Member) -> None:
    almaty = Town.objects.get(code="almaty")
    shy, full = make_member(town=almaty), make_member(town=almaty)
    make_member(town=almaty)
    make_member()
    Membership.objects.filter(subscriber=shy).update(consents=0)
    Contact.objects.create(subscriber=full, month=date(2026, 11, 1), day=date(2026, 11, 1), offers=10)

    page = told(staff("marketing"), towns=["almaty"])

    assert reachable(page) == 1
    assert re.findall(r'figure">(\S+?)<', page) == ["3", "−1", "−1"]
    assert "have not agreed to this on these channels" in page
    assert "have had as many this month as they may" in page
    assert "Members in Almaty." in page


def test_it_counts_for_the_purpose_and_the_channels_that_are_chosen(staff: Staff, make_member: Member) -> None:
    """M2."""
    make_member()
    Membership.objects.update(consents=selection.mask(Purpose.SURVEYS, [Channel.USSD]))
    client = staff("marketing")

    assert reachable(told(client)) == 0
    assert reachable(told(client, purpose="surveys", channels=["ussd"])) == 1
    assert reachable(told(client, purpose="surveys", channels=["sms"])) == 0


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"age_from": "40", "age_to": "30"}, "the ages end before they begin"),
        ({"age_from": "old"}, "youngest age: Enter a whole number."),
        ({"months_to": "99999999999999999999"}, "most months of membership: Ensure this value is less than"),
        ({"towns": ["atlantis"]}, "towns: Select a valid choice."),
        ({"channels": []}, "Choose a channel to count by."),
        ({"purpose": "spam"}, "Counted for: Select a valid choice."),
        ({"tariffs": ["x" * 81]}, "must be a list of words"),
    ],
)
def test_what_cannot_be_counted_is_told_in_words(staff: Staff, asked: dict[str, Any], why: str) -> None:
    page = told(staff("marketing"), **asked)

    assert why in page
    assert "data-reachable" not in page


def test_nobody_is_an_answer_too(staff: Staff, make_member: Member) -> None:
    client = staff("marketing")
    assert "Nobody fits: ask for less." in told(client)

    make_member()
    Membership.objects.update(consents=0)
    assert "Everybody who fits is left out" in told(client)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("kk", "Қатысушылар: Алматы"), ("ru", "Участники: Алматы"), ("en", "Members in Almaty")],
)
def test_it_speaks_the_readers_language(staff: Staff, language: str, sentence: str) -> None:
    assert sentence in told(staff("marketing", language=language), towns=["almaty"])


def test_it_is_saved_and_built_upon_again(staff: Staff, make_member: Member) -> None:
    make_member(tariff="ACT-NET-5")
    Fact.objects.create(code="car", label="Has a car", values=["yes", "no"])
    client = staff("marketing")
    asked = {
        "name": "Drivers", "towns": ["almaty", "astana"], "languages": ["kk"], "age_from": "18", "facts": ["car=yes"],
        "tariffs": ["ACT-NET-5"], "trait_redeemed": "yes", "trait_activated_last_month": "no",
    }  # fmt: skip

    client.post(NEW, asked)

    saved = SavedAudience.objects.get()
    assert saved.definition == {
        "towns": ["almaty", "astana"],
        "languages": ["kk"],
        "age_from": 18,
        "facts": ["car=yes"],
        "tariffs": ["ACT-NET-5"],
        "traits": ["redeemed"],
        "not_traits": ["activated_last_month"],
    }
    assert (saved.created_by, saved.created_at) == ("staff:marketing", NOW)
    page = client.get(f"/admin/audiences/{saved.pk}/").content.decode()
    ticked = set(re.findall(r'value="([^"]+)"[^>]*checked', page))
    assert {"almaty", "astana", "kk", "car=yes", "ACT-NET-5"} <= ticked
    client.post(f"/admin/audiences/{saved.pk}/", {"name": "Drivers", "towns": ["astana"]})
    saved.refresh_from_db()
    assert saved.definition == {"towns": ["astana"]}
    assert list(AuditEvent.objects.filter(subject=f"audience:{saved.pk}").order_by("pk").values_list("action")) == [
        ("create_audience",),
        ("change_audience",),
    ]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "Taken"}, "already exists"),
        ({"name": "New", "age_from": "40", "age_to": "30"}, "the ages end before they begin"),
    ],
)
def test_what_cannot_be_saved_is_told_and_saves_nothing(staff: Staff, asked: dict[str, str], why: str) -> None:
    SavedAudience.objects.create(name="Taken", created_by="x", created_at=NOW, changed_at=NOW)

    page = staff("marketing").post(NEW, asked).content.decode()

    assert why in page
    assert SavedAudience.objects.count() == 1


def test_looking_saves_nothing_and_counting_neither(staff: Staff) -> None:
    client = staff("marketing")

    client.get(NEW, {"name": "x", "towns": ["almaty"]})
    told(client, name="x")

    assert client.get(COUNT).status_code == 405
    assert not SavedAudience.objects.exists()


def test_it_is_marketings_alone(staff: Staff) -> None:
    saved = SavedAudience.objects.create(name="All", created_by="x", created_at=NOW, changed_at=NOW)
    care = staff("care")

    for page in (NEW, COUNT, f"/admin/audiences/{saved.pk}/"):
        assert care.post(page, {"name": "Mine"}).status_code == 403
    assert Client().get(NEW).status_code == 302
    assert SavedAudience.objects.get().name == "All"


def test_the_list_leads_to_the_builder(staff: Staff) -> None:
    saved = SavedAudience.objects.create(name="All", created_by="x", created_at=NOW, changed_at=NOW)
    client, admin = staff("marketing"), "/admin/enrollment/savedaudience/"

    assert client.get(f"{admin}add/").headers["Location"] == NEW
    assert client.get(f"{admin}{saved.pk}/change/").headers["Location"] == f"/admin/audiences/{saved.pk}/"
    assert client.get(f"{admin}anna/change/").status_code == 404


def test_the_page_and_the_count_keep_their_budgets(
    staff: Staff, make_member: Member, django_assert_max_num_queries: Callable[..., object]
) -> None:
    for _ in range(5):
        make_member()
    for number in range(5):
        Fact.objects.create(code=f"fact-{number}", label=f"Fact {number}", values=["yes", "no"])
    client = staff("marketing")

    with django_assert_max_num_queries(16):
        assert client.get(NEW).status_code == 200
    with django_assert_max_num_queries(24):
        told(client, towns=["almaty"], interests=["coffee"], facts=["fact-1=yes"], trait_redeemed="yes")


def test_a_fact_told_narrows_the_count(staff: Staff, make_member: Member) -> None:
    driver = make_member()
    make_member()
    car = Fact.objects.create(code="car", label="Has a car", values=["yes", "no"])
    SubscriberFact.objects.create(subscriber=driver, fact=car, value="yes", told_at=NOW)

    assert reachable(told(staff("marketing"), facts=["car=yes"])) == 1
