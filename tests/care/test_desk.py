"""The care desk (P4): every look-up has a reason and is audited; one page tells everything."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from bonuses import lifecycle as bonuses
from core.access.models import AuditEvent
from enrollment.models import ConsentEvent, Membership, Subscriber
from tests.bonuses.conftest import enroll
from tests.bonuses.test_debits import ask
from tests.surveys.conftest import answered_survey
from tests.ussd.conftest import Gateway

pytestmark = pytest.mark.django_db
HOME = "40102"
PAGE = "/admin/care/"


@pytest.fixture
def agent() -> Client:
    user = User.objects.create_user("aigul", password="x", is_staff=True)
    user.groups.add(Group.objects.get(name="care"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def anna(make_subscriber: Callable[..., Subscriber], now: datetime) -> Subscriber:
    subscriber = make_subscriber()
    enroll(subscriber, now)
    bonuses.activate(subscriber=subscriber, visited_plmn=HOME, now=now)
    ask(subscriber, now=now, units=20)
    return subscriber


def look_up(agent: Client, number: str = "77010000001", reason: str = "A call to 3030") -> str:
    answer = agent.post(PAGE, {"number": number, "reason": reason})
    return answer.headers.get("Location", "")


@pytest.mark.parametrize("spelled", ["77010000001", "+7 (701) 000-00-01", "8 701 000 0001", "7010000001"])
def test_a_number_is_found_in_any_usual_spelling(agent: Client, anna: Subscriber, spelled: str) -> None:
    assert look_up(agent, spelled) == f"{PAGE}subscriber/{anna.pk}/"


def test_a_look_up_is_audited_with_its_reason_and_without_the_number(agent: Client, anna: Subscriber) -> None:
    look_up(agent)
    look_up(agent, "77019999999")

    found, in_vain = AuditEvent.objects.filter(action__startswith="look_up").order_by("pk")
    assert (found.by, found.subject, found.reason) == ("care:aigul", f"subscriber:{anna.pk}", "A call to 3030")
    assert (in_vain.action, in_vain.subject) == ("look_up_in_vain", "")
    assert "7019999999" not in str(in_vain.details) + in_vain.reason


def test_without_a_reason_nothing_is_looked_up(agent: Client, anna: Subscriber) -> None:
    assert look_up(agent, reason="") == ""
    assert not AuditEvent.objects.filter(action="look_up").exists()


def test_a_page_opened_directly_asks_why_first(agent: Client, anna: Subscriber) -> None:
    page = f"{PAGE}subscriber/{anna.pk}/"

    asked = agent.get(page)
    agent.post(page, {"reason": "Follow-up"})
    told = agent.get(page)

    assert b"reason" in asked.content
    assert "<strong>480</strong>" not in asked.content.decode()
    assert "<strong>480</strong>" in told.content.decode()
    assert AuditEvent.objects.get(action="look_up").reason == "Follow-up"


def test_one_page_tells_everything_and_no_number(agent: Client, anna: Subscriber, gateway: Gateway) -> None:
    gateway.walk("77010000001", "*555#")

    page = agent.get(look_up(agent)).content.decode()

    for told in ("7 701 *** ** 01", "*555#", "480", "звонок → внутри activ и Kcell", "A call to 3030", "SHA-256"):
        assert told in page
    assert "77010000001" not in page
    assert "7010000001" not in page


def test_the_page_has_a_query_budget(
    agent: Client, anna: Subscriber, django_assert_max_num_queries: Callable[..., object]
) -> None:
    page = look_up(agent)

    with django_assert_max_num_queries(25):  # session, user and rights included
        agent.get(page)


def test_leaving_on_the_subscribers_behalf_names_the_units_and_needs_a_reason(agent: Client, anna: Subscriber) -> None:
    page = look_up(agent)

    asked = agent.get(f"{page}leave/").content.decode()
    agent.post(f"{page}leave/", {"reason": ""})
    assert Membership.objects.get().left_at is None
    agent.post(f"{page}leave/", {"reason": "Asked on the phone"})

    assert "480" in asked
    assert Membership.objects.get().left_by == "care:aigul"
    assert ConsentEvent.objects.filter(action="withdrawn", by="care:aigul").count() == 6
    assert AuditEvent.objects.get(action="opt_out").reason == "Asked on the phone"


def test_nothing_is_done_without_a_look_up(agent: Client, anna: Subscriber) -> None:
    answer = agent.post(f"{PAGE}subscriber/{anna.pk}/leave/", {"reason": "none"})

    assert answer.status_code == 403
    assert Membership.objects.get().left_at is None


@pytest.mark.parametrize(("minutes", "holds"), [(29, True), (31, False)])
def test_a_look_up_holds_for_half_an_hour(
    agent: Client, anna: Subscriber, now: datetime, at: Callable[[datetime], None], minutes: int, holds: bool
) -> None:
    """P4."""
    page = look_up(agent)

    at(now + timedelta(minutes=minutes))

    assert ("<strong>480</strong>" in agent.get(page).content.decode()) is holds
    assert agent.get(f"{page}leave/").status_code == (200 if holds else 403)


def test_the_language_is_changed(agent: Client, anna: Subscriber) -> None:
    page = look_up(agent)

    agent.post(f"{page}language/", {"language": "kk"})
    agent.post(f"{page}language/", {"language": "xx"})

    anna.refresh_from_db()
    assert (anna.language, anna.language_is_chosen) == ("kk", True)


@pytest.mark.parametrize("role", ["marketing", "nobody"])
def test_others_do_not_get_in(anna: Subscriber, role: str) -> None:
    user = User.objects.create_user(role, password="x", is_staff=True)
    user.groups.set(Group.objects.filter(name=role))
    client = Client()
    client.force_login(user)

    assert client.get(PAGE).status_code == 403
    assert client.get(f"{PAGE}subscriber/{anna.pk}/").status_code == 403


def test_strangers_are_sent_to_the_sign_in(anna: Subscriber) -> None:
    assert Client().get(PAGE).headers["Location"].startswith("/admin/login/")


def test_surveys_begun_and_answered_are_on_the_page(agent: Client, anna: Subscriber, now: datetime) -> None:
    page = look_up(agent)
    assert "No survey was ever begun." in agent.get(page, headers={"Accept-Language": "en"}).content.decode()

    survey = answered_survey(anna, now)

    shown = agent.get(page, headers={"Accept-Language": "en"}).content.decode()
    assert f"№{survey.pk} Coffee" in shown
    assert "completed" in shown
