"""The sending page and the texts in the back office: who may, what is told, what is refused (P1)."""

from datetime import date

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client

from core.access.models import AuditEvent, Proposal
from messaging.models import SendingPolicy, ServiceText
from smart.backoffice import roles
from tests.bonuses.conftest import enroll

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_role(client: Client):
    roles.load()

    def sign_in(name: str) -> Client:
        user = User.objects.create_user(name, password="x", is_staff=True)
        user.groups.add(Group.objects.get(name=name))
        client.force_login(user)
        return client

    return sign_in


def test_one_person_pauses_and_two_resume_with_a_trace(as_role):
    """ADR 0027."""
    client = as_role("marketing")

    client.post("/admin/sending/switch/", {"to": "pause", "reason": "wrong text"})
    assert SendingPolicy.objects.get().is_paused
    client.post("/admin/sending/switch/", {"to": "resume", "reason": "text mended"})
    assert SendingPolicy.objects.get().is_paused
    proposal = Proposal.objects.get()
    client.force_login(User.objects.create_superuser("root"))
    assert "text mended" in client.get(f"/admin/proposals/{proposal.pk}/").content.decode()
    client.post(f"/admin/proposals/{proposal.pk}/confirm/")

    assert not SendingPolicy.objects.get().is_paused
    events = AuditEvent.objects.filter(subject="sending").order_by("id").values_list("action", "by", "reason")
    assert list(events) == [
        ("pause_sending", "staff:marketing", "wrong text"),
        ("resume_sending", "staff:root", ""),
    ]


POLICY = {"opens": "10:00", "closes": "21:00", "holidays": "", "offers_a_month": "10", "offers_a_day": "1",
          "surveys_a_month": "2"}  # fmt: skip


def save_policy(client, **fields):
    page = "/admin/messaging/sendingpolicy/1/change/"
    return client.post(page, POLICY | fields, follow=True, headers={"Accept-Language": "en"}).content.decode()


def test_a_policy_that_only_tightens_is_in_force_when_it_is_saved(as_role):
    page = save_policy(as_role("marketing"), closes="20:00", holidays="2026-12-16", offers_a_month="7")

    policy = SendingPolicy.objects.get()
    assert "This only tightens: it is in force." in page
    assert (str(policy), policy.holidays, policy.offers_a_month) == ("10:00-20:00", [date(2026, 12, 16)], 7)
    assert not Proposal.objects.exists()


def test_a_policy_that_loosens_waits_and_both_pages_say_so(as_role):
    client = as_role("marketing")
    SendingPolicy.objects.update(offers_a_month=5)

    saved = save_policy(client, offers_a_month="6")

    waits = ("A change waits for another person", "offers a month: 5 → 6")
    assert "Proposed. It comes into force when another person confirms it." in saved
    for page in ("/admin/messaging/sendingpolicy/", "/admin/messaging/sendingpolicy/1/change/", "/admin/sending/"):
        shown = client.get(page, headers={"Accept-Language": "en"}).content.decode()
        assert all(words in shown for words in waits)
    assert SendingPolicy.objects.get().offers_a_month == 5
    assert not LogEntry.objects.exists()  # Django's own log would say that it was changed


def test_a_policy_saved_as_it_stands_changes_nothing(as_role):
    assert "Nothing has changed: it stands so already." in save_policy(as_role("marketing"))
    assert not AuditEvent.objects.exists()


def test_a_second_change_of_the_policy_is_refused_in_words(as_role):
    client = as_role("marketing")
    SendingPolicy.objects.update(offers_a_month=5)
    save_policy(client, offers_a_month="6")

    assert "Another change of this waits" in save_policy(client, offers_a_month="7")
    assert Proposal.objects.get().after == {"offers_a_month": 6}


def test_care_sees_and_may_not_switch(as_role):
    client = as_role("care")

    assert client.get("/admin/sending/").status_code == 200
    assert client.post("/admin/sending/switch/", {"to": "pause"}).status_code == 403
    assert not SendingPolicy.objects.get().is_paused


def test_the_page_says_that_this_database_is_not_confirmed(as_role):
    page = as_role("marketing").get("/admin/sending/", headers={"Accept-Language": "ru"}).content.decode()

    assert "не подтверждено" in page


def test_what_waits_under_a_pause_leaves_at_no_hour(as_role, make_subscriber, now):
    enroll(make_subscriber(), now)
    client = as_role("marketing")
    client.post("/admin/sending/switch/", {"to": "pause"})

    page = client.get("/admin/sending/", headers={"Accept-Language": "en"}).content.decode()

    assert "held until sending goes on" in page
    assert "leaves in time" not in page


@pytest.mark.parametrize(
    ("text", "place"), [("{0.__class__}", 1), ("Чай {{7*7}}", 5), ("Чай \u202e", 5)], ids=["class", "jinja", "rtl"]
)
def test_a_bad_text_is_refused_with_its_place_and_changes_nothing(as_role, text, place):
    client, before = as_role("marketing"), ServiceText.objects.get(kind="left")

    answer = client.post(
        f"/admin/messaging/servicetext/{before.pk}/change/",
        {"is_on": "on", "channel": "sms", "text_kk": before.text_kk, "text_ru": text + "a", "text_en": before.text_en},
        headers={"Accept-Language": "en"},
    )

    assert f"at character {place}" in answer.content.decode()
    assert ServiceText.objects.get(kind="left").text_ru == before.text_ru


def test_a_good_text_is_saved_and_recorded(as_role):
    client, before = as_role("marketing"), ServiceText.objects.get(kind="left")

    answer = client.post(
        f"/admin/messaging/servicetext/{before.pk}/change/",
        {
            "is_on": "on",
            "channel": "sms",
            "text_kk": before.text_kk,
            "text_ru": "Пока! {units}",
            "text_en": before.text_en,
        },
    )

    assert answer.status_code == 302
    assert ServiceText.objects.get(kind="left").text_ru == "Пока! {units}"
    assert AuditEvent.objects.get(action="change_service_text").details == {"changed": ["text_ru"]}


@pytest.mark.parametrize("change", [{"opens": "09:59"}, {"closes": "21:01"}, {"offers_a_month": 11}], ids=str)
def test_the_policy_is_never_wider_than_the_rules(as_role, change):
    client = as_role("marketing")
    usual = {"opens": "10:00", "closes": "21:00", "holidays": "", "offers_a_month": 10, "offers_a_day": 1,
             "surveys_a_month": 2}  # fmt: skip

    answer = client.post("/admin/messaging/sendingpolicy/1/change/", usual | change)

    assert answer.status_code == 200  # shown again with the reason
    assert str(SendingPolicy.objects.get()) == "10:00-21:00"
