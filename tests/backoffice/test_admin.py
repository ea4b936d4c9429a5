"""The back office: lists open within a query budget, history is not editable, roles see what is theirs (P1)."""

import re
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db.models import Model
from django.test import Client, RequestFactory

from bonuses.models import BonusTerms
from campaigns.models import Offer, Partner
from campaigns.offers import approval
from core.access import keys
from core.access.models import ApiClient, ApiKey, AuditEvent, Proposal
from core.lib import clock
from core.staff.admin import ReadOnlyAdmin
from enrollment.models import ConsentText, DirectoryImport, Subscriber
from smart.backoffice import roles
from tests.bonuses.conftest import Member
from tests.campaigns.conftest import DRAFT, NOW

pytestmark = pytest.mark.django_db
OURS = ("enrollment", "bonuses", "access", "jobs", "ussd")
REGISTERED = [model for model in admin.site._registry if model._meta.app_label in OURS]


def signed_in(role: str) -> Client:
    user = User.objects.create_user(role, password="x", is_staff=True, is_superuser=role == "root")
    user.groups.set(Group.objects.filter(name=role))
    client = Client()
    client.force_login(user)
    return client


def address(model: type, page: str = "") -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/{page}"


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model.__name__)
def test_every_list_opens_within_its_budget_whatever_its_length(
    make_member: Member, model: type, django_assert_max_num_queries: Callable[..., object]
) -> None:
    client = signed_in("root")
    for _number in range(12):
        make_member()

    with django_assert_max_num_queries(12):
        assert client.get(address(model)).status_code == 200


@pytest.mark.parametrize("word", ["1", "anna", "9" * 30, "😀"])
@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model.__name__)
def test_every_list_can_be_searched_for_anything(make_member: Member, model: type, word: str) -> None:
    make_member()

    assert signed_in("root").get(address(model), {"q": word}).status_code == 200


@pytest.mark.parametrize("name", ["Subscriber", "Membership", "ConsentEvent", "Grant", "LedgerEntry", "Debit", "Dial"])
def test_an_id_is_looked_for_as_a_number(name: str) -> None:
    """As text it would be compared with a million rows, one by one."""
    found = admin.site._registry[next(model for model in REGISTERED if model.__name__ == name)]
    request = RequestFactory().get("/")

    rows, _duplicates = found.get_search_results(request, found.model.objects.all(), "7")

    assert "UPPER" not in str(rows.query)


@pytest.mark.parametrize(
    "name",
    ["LedgerEntry", "Grant", "Debit", "ConsentEvent", "AuditEvent", "JobRun", "Dial", "Membership", "Subscriber"],
)
def test_what_happened_is_shown_and_not_changed(name: str) -> None:
    model = next(model for model in REGISTERED if model.__name__ == name)

    assert isinstance(admin.site._registry[model], ReadOnlyAdmin)
    assert signed_in("root").get(address(model, "add/")).status_code == 403


def test_no_list_shows_a_number(make_subscriber: Callable[..., Subscriber]) -> None:
    make_subscriber()
    client = signed_in("root")

    for model in REGISTERED:
        assert "7010000001" not in client.get(address(model)).content.decode()


@pytest.mark.parametrize(
    ("role", "model", "status"),
    [
        ("marketing", "BonusTerms", 200),
        ("marketing", "Subscriber", 403),
        ("marketing", "ApiClient", 403),
        ("care", "Subscriber", 200),
        ("care", "LedgerEntry", 200),
        ("care", "ApiClient", 403),
        ("administrator", "ApiClient", 200),
        ("administrator", "AuditEvent", 200),
    ],
)
def test_roles_see_what_is_theirs(role: str, model: str, status: int) -> None:
    found = next(found for found in apps.get_models() if found.__name__ == model)

    assert signed_in(role).get(address(found)).status_code == status


def test_the_roles_and_their_rights_come_with_migrate() -> None:
    Group.objects.all().delete()

    call_command("migrate", verbosity=0)

    assert {group.name: group.permissions.exists() for group in Group.objects.all()} == dict.fromkeys(roles.ROLES, True)


def terms_form(effective_from: str) -> dict[str, str]:
    empty = {f"payable-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL", "MIN_NUM", "MAX_NUM")}
    figures = {"units": "600", "valid_hours": "168", "activate_within_days": "30"}
    return {"kind": "monthly", "effective_from": effective_from, **figures, **empty}


def test_terms_are_set_for_months_to_come_only(now: datetime) -> None:
    client = signed_in("marketing")

    for day in ("2026-11-01", "2026-12-02"):
        client.post(address(BonusTerms, "add/"), terms_form(day))
    assert not Proposal.objects.exists()
    client.post(address(BonusTerms, "add/"), terms_form("2026-12-01"))
    assert not BonusTerms.objects.filter(units=600).exists()  # two people's (ADR 0027)
    signed_in("root").post(f"/admin/proposals/{Proposal.objects.get().pk}/confirm/")

    assert BonusTerms.objects.get(units=600).effective_from == date(2026, 12, 1)


def test_a_consent_text_is_published_once_it_fits(client: Client) -> None:
    staff = signed_in("marketing")
    fits = ConsentText.objects.create(version=2, text_kk="Келісесіз бе?", text_ru="Согласны?", text_en="Do you agree?")
    long = ConsentText.objects.create(version=3, text_kk="Келісесіз бе? " * 30, text_ru="Да?", text_en="Yes?")

    for text in (fits, long):
        staff.post(address(ConsentText, f"{text.pk}/publish/"))

    fits.refresh_from_db()
    long.refresh_from_db()
    assert fits.published_at is not None
    assert long.published_at is None
    told = AuditEvent.objects.filter(action="publish_consent_text")
    assert [(event.subject, event.by) for event in told] == [("consent_text:2", "staff:marketing")]


def gateway() -> ApiClient:
    client = ApiClient.objects.create(name="gateway", kind="ussd", proof="signature")
    keys.issue(client=client, by="test", now=clock.now())
    return client


def draft() -> ConsentText:
    return ConsentText.objects.create(version=2, text_kk="Келісесіз бе?", text_ru="Согласны?", text_en="Do you agree?")


def submitted() -> Offer:
    partner = Partner.objects.create(name="Arbat Coffee", slug="arbat", hosts=["arbat.example"], created_at=NOW)
    offer = approval.create(partner=partner, draft=DRAFT, by="partner:dana", now=NOW)
    return approval.submit(offer=offer, by="partner:dana", now=NOW)


def approved() -> Offer:
    return approval.approve(offer=submitted(), by="staff:erlan", now=NOW)


def states() -> list[str]:
    return list(Offer.objects.values_list("state", flat=True))


# What each action that is a link of an object's page is about, and what it changes.
ACTIONS: dict[str, tuple[Callable[[], Model], Callable[[], object]]] = {
    "access.apiclient.issue_key": (gateway, lambda: ApiKey.objects.count()),
    "access.apiclient.revoke_oldest_key": (gateway, lambda: ApiKey.objects.filter(revoked_at=None).count()),
    "campaigns.offer.approve": (submitted, states),
    "campaigns.offer.reject": (submitted, states),
    "campaigns.offer.end": (approved, states),
    "enrollment.consenttext.publish": (draft, lambda: ConsentText.objects.filter(published_at=None).count()),
}


def test_every_action_that_is_a_link_is_among_those_tested_here() -> None:
    kinds = ("actions_detail", "actions_list", "actions_row", "actions_submit_line")
    found = {
        f"{model._meta.label_lower}.{name}"
        for model, shown in admin.site._registry.items()
        for kind in kinds
        for name in getattr(shown, kind, None) or ()
    }

    assert found == set(ACTIONS)


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_asks_first_and_acts_when_the_form_is_posted(name: str) -> None:
    make, state = ACTIONS[name]
    about, action = make(), name.rpartition(".")[2]
    client, page = signed_in("root"), address(type(about), f"{about.pk}/{action}/")
    before = state()

    for method in ("get", "head", "options"):
        asked = getattr(client, method)(page)
        assert (asked.status_code, state()) == (200, before)
    asked = client.get(page).content.decode()
    sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w+)"', asked))
    done = client.post(page, {**sent, "reason": "Why not"})

    assert 'name="csrfmiddlewaretoken"' in asked
    assert f": {about}</h2>" in asked
    assert f'href="{address(type(about), f"{about.pk}/change/")}"' in asked
    assert (done.status_code, done.headers["Location"]) == (302, address(type(about), f"{about.pk}/change/"))
    assert state() != before


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_is_nobodys_who_may_not_or_forges_the_form(name: str) -> None:
    make, state = ACTIONS[name]
    about, action = make(), name.rpartition(".")[2]
    page, before = address(type(about), f"{about.pk}/{action}/"), state()
    care, forger = signed_in("care"), Client(enforce_csrf_checks=True)
    forger.force_login(User.objects.create_superuser("root"))

    refused = [care.get(page), care.post(page), forger.post(page)]

    assert [answer.status_code for answer in refused] == [403] * 3
    assert state() == before


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("object_id", ["0", "anna"])
def test_an_action_about_nothing_is_not_found(name: str, object_id: str) -> None:
    app, model, action = name.split(".")

    assert signed_in("root").post(f"/admin/{app}/{model}/{object_id}/{action}/").status_code == 404


def test_the_form_posted_twice_revokes_the_one_key_that_it_named() -> None:
    client = gateway()
    older = ApiKey.objects.get().key_id
    keys.issue(client=client, by="test", now=clock.now())
    staff, page = signed_in("root"), address(ApiClient, f"{client.pk}/revoke_oldest_key/")

    assert older in staff.get(page).content.decode()
    for _time in range(2):
        staff.post(page, {"key": older})
    staff.post(page)

    assert ApiKey.objects.get(revoked_at=None).key_id != older


@pytest.mark.parametrize(("language", "word"), [("kk", "Жариялау"), ("ru", "Опубликовать"), ("en", "Publish")])
def test_an_action_asks_in_the_readers_language(language: str, word: str) -> None:
    text = draft()

    page = signed_in("root").get(address(ConsentText, f"{text.pk}/publish/"), headers={"Accept-Language": language})

    assert f"{word}: v2" in page.content.decode()


def test_the_dashboard_counts(make_member: Member, now: datetime) -> None:
    make_member()

    page = signed_in("root").get("/admin/").content.decode()

    assert "23.11" in page


def test_the_back_office_takes_nothing_from_outside() -> None:
    answer = signed_in("root").get("/admin/")

    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "//cdn" not in answer.content.decode()


def test_signing_in_leads_to_the_first_page() -> None:
    User.objects.create_user("anna", password="long enough a word", is_staff=True)

    answer = Client().post("/admin/login/", {"username": "anna", "password": "long enough a word"})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")


def test_a_number_whose_key_is_gone_spoils_no_list(make_subscriber: Callable[..., Subscriber]) -> None:
    subscriber = make_subscriber()
    Subscriber.objects.filter(pk=subscriber.pk).update(msisdn=b"\xff" + bytes(subscriber.msisdn)[1:])

    answer = signed_in("root").get(address(Subscriber))

    assert answer.status_code == 200
    assert f">{subscriber.pk}<" in answer.content.decode().replace("\n", "").replace(" ", "")


def test_a_file_imported_by_command_is_not_the_back_offices_to_discard(tmp_path: Path, now: datetime) -> None:
    own = tmp_path / "export.csv"
    own.write_text("MSISDN;Brand;Line status\n")
    run = DirectoryImport.objects.create(path=str(own), phase="staged", created_by="directory", created_at=now)
    page = f"/admin/imports/{run.pk}/"
    staff = signed_in("marketing")

    assert f"{page}discard/" not in staff.get(page).content.decode()
    assert staff.post(f"{page}discard/").status_code == 404
    assert own.exists()


def test_a_browser_finds_an_icon() -> None:
    assert Client().get("/favicon.ico").status_code == 302
