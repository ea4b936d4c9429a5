"""The handset tells the whole number of a made-up subscriber, so that the care desk can be tried, and no other one."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from enrollment.models import Subscriber
from smart.local.models import DemoBase

pytestmark = pytest.mark.django_db


def ask(client: Client, person: Subscriber) -> str:
    answer = client.post("/handset/number/", {"person": person.pk}, content_type="application/json")
    return str(answer.json()["number"])


def test_a_made_up_subscribers_number_finds_him_on_the_care_desk(
    client: Client, make_subscriber: Callable[..., Subscriber]
) -> None:
    person = make_subscriber()
    DemoBase.objects.create(begun_at=person.created_at)
    agent = User.objects.create_user("asel", is_staff=True)
    agent.groups.add(Group.objects.get(name="care"))

    number = ask(client, person)

    assert number == "+7 701 000 00 01"
    client.force_login(agent)
    found = client.post("/admin/care/", {"number": number, "reason": "asked"})
    assert found.status_code == 302
    assert found.url == f"/admin/care/subscriber/{person.pk}/"


def test_the_number_of_who_came_otherwise_is_not_told(
    client: Client, make_subscriber: Callable[..., Subscriber]
) -> None:
    """A demo base into which a directory was imported afterwards."""
    person = make_subscriber()
    DemoBase.objects.create(begun_at=person.created_at - timedelta(days=1))

    assert ask(client, person) == ""


def test_the_page_itself_holds_no_whole_number(client: Client, make_subscriber: Callable[..., Subscriber]) -> None:
    person = make_subscriber()
    DemoBase.objects.create(begun_at=person.created_at)

    page = client.get("/handset/").content.decode() + client.get("/handset/people/").content.decode()

    assert f"#{person.pk}" in page
    assert "0000001" not in page.replace(" ", "")
