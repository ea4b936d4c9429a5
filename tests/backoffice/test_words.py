"""Codes are shown in words: whoever makes a new one names it beside its vocabulary."""

import ast
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import translation

from bonuses import charging, words
from bonuses import lifecycle as bonuses
from core.access import actions, audit
from core.access.actions import ACTIONS
from core.access.models import ApiClient, AuditEvent
from core.jobs.models import JobRun
from core.jobs.names import names
from enrollment.models import Subscriber
from messaging import kinds
from messaging.models import MessageClass, SendingPolicy
from smart import programme
from tests.bonuses.conftest import Member
from tests.bonuses.test_debits import ask

ROOMS = ("core", "smart", "enrollment", "messaging", "bonuses", "campaigns", "surveys")


def written(pattern: str) -> set[str]:
    """What the pattern's group finds in our code."""
    found: set[str] = set()
    for room in ROOMS:
        for path in (Path(settings.BASE_DIR) / room).rglob("*.py"):
            if "migrations" not in path.parts:
                found |= set(re.findall(pattern, path.read_text(encoding="utf-8")))
    return found


def signed_in(role: str) -> Client:
    user = User.objects.create_user(role, password="x", is_staff=True, is_superuser=role == "root")
    user.groups.set(Group.objects.filter(name=role))
    client = Client(headers={"Accept-Language": "ru"})
    client.force_login(user)
    return client


def test_every_job_that_keeps_slots_has_a_name() -> None:
    jobs = written(r'run_slot\(name="(\w+)"')

    assert "issue_month" in jobs
    assert jobs == set(names())


# What the first word of an audited action may be: verbs in the imperative.
VERBS = {
    "allow", "approve", "cancel", "change", "choose", "confirm", "create", "delete", "discard", "draft", "drop", "edit",
    "end", "export", "finish", "guess", "import", "invite", "issue", "join", "lapse", "launch", "look", "move", "opt",
    "pause", "propose", "publish", "refuse", "reject", "remove", "resume", "revoke", "schedule", "start", "submit",
    "upload", "withdraw",
}  # fmt: skip


def literals() -> set[str]:
    """Every text of our code that stands as one, the audit's own list left out."""
    found: set[str] = set()
    for room in ROOMS:
        for path in (Path(settings.BASE_DIR) / room).rglob("*.py"):
            if "migrations" not in path.parts and path.name != "actions.py":
                tree = ast.parse(path.read_text(encoding="utf-8"))
                found |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return found


def audited() -> set[str]:
    """The codes that are given to audit.record where it is called, in either branch of a condition."""
    found: set[str] = set()
    for room in ROOMS:
        for path in (Path(settings.BASE_DIR) / room).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for call in ast.walk(tree):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "audit.record":
                    (action,) = (keyword.value for keyword in call.keywords if keyword.arg == "action")
                    assert not isinstance(action, ast.JoinedStr), f"{path}: a code that is put together is not found"
                    branches = [action.body, action.orelse] if isinstance(action, ast.IfExp) else [action]
                    found |= {str(one.value) for one in branches if isinstance(one, ast.Constant)}
    return found


def test_every_action_that_is_audited_has_a_name_and_none_is_named_in_vain() -> None:
    assert {"issue_key", "look_up_in_vain", "create_campaign"} <= audited()
    assert audited() - set(ACTIONS) == set()
    assert set(ACTIONS) - literals() == set()


def test_audited_actions_are_verbs_in_the_imperative() -> None:
    assert {code for code in ACTIONS if code.partition("_")[0] not in VERBS} == set()


def test_the_trail_takes_no_action_without_a_name(db: None, now: datetime) -> None:
    with pytest.raises(ValueError, match="no action of the audit trail: campaign_running"):
        audit.record(by="test", action="campaign_running", now=now)


def test_rows_of_earlier_versions_read_as_todays_and_are_found_by_todays_code(db: None, now: datetime) -> None:
    for code in ("campaign_made", "campaign_running"):
        AuditEvent.objects.create(at=now, by="staff:root", action=code, subject="campaign:1")
    audit.record(by="staff:root", action="launch_campaign", subject="campaign:2", now=now)
    root = signed_in("root")

    with translation.override("en"):
        assert AuditEvent.objects.get(action="campaign_made").action_in_words == "made a campaign"
        assert AuditEvent.objects.get(action="campaign_running").action_in_words == "started a campaign"
    found = root.get("/admin/access/auditevent/?q=launch_campaign").content.decode()
    assert "campaign:1" in found
    assert "campaign:2" in found


def test_each_code_of_an_earlier_version_is_one_of_todays() -> None:
    earlier = {code for today in ACTIONS for code in actions.spellings(today)} - set(ACTIONS)

    assert len(earlier) == 41
    assert all(actions.in_words(code) in map(str, ACTIONS.values()) for code in earlier)


def test_every_refusal_of_a_debit_has_its_words() -> None:
    assert set(words.REFUSALS) == set(charging.REFUSALS)


def test_every_reason_of_a_movement_has_its_words() -> None:
    reasons = written(r'bonuses\.forfeit\([^)]*reason="(\w+)"') | {"lapsed", "not_activated", "superseded"}

    assert "opt_out" in reasons
    assert reasons - set(words.MOVES) == set()


def test_every_kind_of_message_has_a_name() -> None:
    assert set(kinds.SERVICE) | {MessageClass.OFFER, MessageClass.SURVEY} == set(kinds.names())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "shown", "code"),
    [
        ("bonuses/debit", "единицами это не оплачивается", ">not_payable"),
        ("bonuses/debit", "звонок → international", "call →"),
        ("bonuses/ledgerentry", "вышел из программы", "opt_out"),
        ("messaging/message", "бонус включён", "activated<"),
        ("messaging/servicetext", "пришёл бонус", "bonus_issued"),
        ("messaging/stream", "приветствие", ">welcome"),
        ("access/auditevent", "завершил участие", "opt_out"),
        ("jobs/jobrun", "выдача бонусов месяца", ">issue_month"),
    ],
)
def test_lists_speak_in_words(make_member: Member, now: datetime, path: str, shown: str, code: str) -> None:
    anna = make_member()
    bonuses.activate(subscriber=anna, visited_plmn="40102", now=now)
    ask(anna, now=now, destination="international")
    programme.opt_out(subscriber=anna, by="care:aigul", reason="asked", now=now)
    JobRun.objects.create(name="issue_month", slot="2026-11-01", started_at=now, touched_at=now)

    answer = signed_in("root").get(f"/admin/{path}/").content.decode()

    assert shown in answer
    assert code not in answer


@pytest.mark.django_db
def test_the_care_page_speaks_in_words(make_member: Member, now: datetime) -> None:
    anna = make_member()
    bonuses.activate(subscriber=anna, visited_plmn="40102", now=now)
    ask(anna, now=now, destination="international")
    agent = signed_in("care")
    agent.post("/admin/care/", {"number": "77010000001", "reason": "A call to 3030"})

    page = agent.get(f"/admin/care/subscriber/{anna.pk}/").content.decode()

    for words_shown in ("единицами это не оплачивается", "нашёл абонента", "бонус включён", "activ, активна"):
        assert words_shown in page
    for code in ("not_payable", "look_up<", ">activated<", ">joined<"):
        assert code not in page


def test_one_english_word_of_two_meanings_is_two_in_russian_and_kazakh() -> None:
    with translation.override("ru"):
        assert str(MessageClass.SERVICE.label) == "служебное"
        assert str(Subscriber.LineStatus.ACTIVE.label) == "активна"
        assert str(ApiClient._meta.verbose_name_plural) == "клиенты API"
        assert str(SendingPolicy._meta.verbose_name) != str(SendingPolicy._meta.verbose_name_plural)
    with translation.override("kk"):
        assert str(MessageClass.SERVICE.label) == "қызметтік"
        assert str(JobRun.State.DONE.label) == "орындалды"


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["77010000001", "+7 701 000 00 01", "8 (701) 000-00-01", "7010000001", "701000000"])
def test_a_number_typed_into_the_list_of_subscribers_leads_to_the_care_desk_without_it(
    make_subscriber: Callable[..., Subscriber], typed: str
) -> None:
    make_subscriber()
    agent = signed_in("care")

    answer = agent.get("/admin/enrollment/subscriber/", {"q": typed})
    page = agent.get(answer.headers["Location"]).content.decode()

    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/care/")
    assert "Номера ищут здесь" in page
    assert typed not in page


@pytest.mark.django_db
def test_an_id_is_still_looked_for_in_the_list_of_subscribers(make_subscriber: Callable[..., Subscriber]) -> None:
    subscriber = make_subscriber()

    answer = signed_in("care").get("/admin/enrollment/subscriber/", {"q": str(subscriber.pk)})

    assert f"/admin/enrollment/subscriber/{subscriber.pk}/" in answer.content.decode()
