"""Pages by roles: what opens to whom, in words where it does not, and another partner's things are nowhere (P2)."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from campaigns.models import Invitation, Offer, Partner, PartnerMember, PromoCode, Upload
from campaigns.partners import accounts
from campaigns.portal.urls import pages
from enrollment.models import Subscriber
from tests.campaigns.conftest import NOW
from tests.campaigns.portal.conftest import signed_in

pytestmark = pytest.mark.django_db

# Every page of ours: its method, who may, and which of the partner's objects it is about.
ALL, EDITORS, OWNERS = ("owner", "editor", "viewer"), ("owner", "editor"), ("owner",)
PAGES = {
    "overview": ("get", ALL, ()),
    "offers": ("get", ALL, ()),
    "offer_new": ("get", EDITORS, ()),
    "offer_preview": ("post", EDITORS, ()),
    "offer": ("get", ALL, ("offer",)),
    "offer_edit": ("get", EDITORS, ("offer",)),
    "offer_submit": ("post", EDITORS, ("offer",)),
    "offer_withdraw": ("post", EDITORS, ("offer",)),
    "offer_codes": ("post", EDITORS, ("offer",)),
    "offer_end": ("get", EDITORS, ("offer",)),
    "uploads": ("get", EDITORS, ()),
    "upload": ("get", EDITORS, ("upload",)),
    "upload_progress": ("get", EDITORS, ("upload",)),
    "upload_confirm": ("post", EDITORS, ("upload",)),
    "upload_discard": ("post", EDITORS, ("upload",)),
    "keys": ("get", OWNERS, ()),
    "key_new": ("post", OWNERS, ()),
    "key_issue": ("post", OWNERS, ("program",)),
    "key_revoke": ("get", OWNERS, ("program", "key")),
    "team": ("get", ALL, ()),
    "invite": ("post", OWNERS, ()),
    "invitation_withdraw": ("post", OWNERS, ("invitation",)),
    "member_role": ("post", OWNERS, ("viewer",)),
    "member_remove": ("get", OWNERS, ("viewer",)),
}
OPEN = {"join", "upload_template"}  # by token, and for whoever may upload: neither is about an object
ABOUT = {name: page for name, page in PAGES.items() if page[2]}


@pytest.fixture
def things(partner: Partner, team: dict[str, PartnerMember], make_offer: Callable[..., Offer]) -> dict[str, int | str]:
    """One of everything a page may be about, all Arbat Coffee's."""
    made, key_id, _secret = accounts.connect(partner=partner, name="till", scopes=["redeem"], by="x", now=NOW)
    invitation, _token = accounts.invite(partner=partner, email="x@arbat.example", role="viewer", by="x", now=NOW)
    upload = Upload.objects.create(partner=partner, file_name="o.csv", phase="parsed", created_by="x", created_at=NOW)
    return {
        "offer": make_offer("approved").pk,
        "upload": upload.pk,
        "program": made.pk,
        "key": key_id,
        "invitation": invitation.pk,
        "viewer": team["viewer"].pk,
    }


def ask(client: Client, name: str, things: dict[str, int | str]) -> int:
    method, _roles, about = PAGES[name]
    address = reverse(f"partners:{name}", args=[things[one] for one in about])
    return int(getattr(client, method)(address).status_code)


def test_every_page_stands_in_the_table() -> None:
    assert {pattern.name for pattern in pages} == set(PAGES) | OPEN


@pytest.mark.parametrize("role", ["owner", "editor", "viewer"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_to_its_roles_only(
    as_role: Callable[[str], Client], things: dict[str, int | str], name: str, role: str
) -> None:
    status = ask(as_role(role), name, things)

    assert (status == 403) == (role not in PAGES[name][1])
    assert status in (200, 302, 403, 422)


@pytest.mark.parametrize("name", ABOUT)
def test_anothers_object_is_not_there(boris: PartnerMember, things: dict[str, int | str], name: str) -> None:
    assert ask(signed_in(boris.user), name, things) == 404


@pytest.mark.parametrize("name", ABOUT)
def test_nothing_changed_for_the_stranger(boris: PartnerMember, things: dict[str, int | str], name: str) -> None:
    address = reverse(f"partners:{name}", args=[things[one] for one in PAGES[name][2]])

    signed_in(boris.user).post(address, {"role": "owner"})

    assert Offer.objects.get().state == "approved"
    assert Upload.objects.get().phase == "parsed"
    assert Invitation.objects.count() == 1
    assert PartnerMember.objects.get(pk=things["viewer"]).role == "viewer"


@pytest.mark.parametrize("name", ["offer", "upload", "key_issue", "member_remove"])
def test_an_id_beyond_all_ids_is_not_there_either(as_role: Callable[[str], Client], name: str) -> None:
    method, _roles, _about = PAGES[name]

    response = getattr(as_role("owner"), method)(reverse(f"partners:{name}", args=[10**30]))

    assert response.status_code == 404


@pytest.mark.parametrize("name", [name for name, (method, *_rest) in PAGES.items() if method == "post"])
def test_what_changes_something_is_not_done_by_a_link(
    as_role: Callable[[str], Client], things: dict[str, int | str], name: str
) -> None:
    address = reverse(f"partners:{name}", args=[things[one] for one in PAGES[name][2]])

    assert as_role("owner").get(address).status_code == 405


@pytest.mark.parametrize("name", PAGES)
def test_who_has_not_signed_in_may_do_so(client: Client, things: dict[str, int | str], name: str) -> None:
    method, _roles, about = PAGES[name]
    response = getattr(client, method)(reverse(f"partners:{name}", args=[things[one] for one in about]))

    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


def test_a_part_of_a_page_sends_the_whole_page_to_sign_in(client: Client) -> None:
    response = client.post(reverse("partners:offer_preview"), headers={"HX-Request": "true"})

    assert response["HX-Redirect"] == reverse("account_login")


def test_a_refusal_is_in_words(as_role: Callable[[str], Client]) -> None:
    response = as_role("viewer").get(reverse("partners:offer_new"), headers={"Accept-Language": "en"})

    assert response.status_code == 403
    assert "Your role does not allow this" in response.content.decode()


@pytest.mark.parametrize("name", ["partners:overview", "account_change_password", "mfa_index", "account_login"])
def test_staff_do_not_enter_the_portal(staff: User, name: str) -> None:
    response = signed_in(staff).get(reverse(name), headers={"Accept-Language": "en"})

    assert response.status_code == 403
    assert "staff" in response.content.decode()


def test_staff_made_a_member_do_not_enter_either(staff: User, partner: Partner) -> None:
    PartnerMember.objects.create(user=staff, partner=partner, role="owner", joined_at=NOW)

    assert signed_in(staff).get(reverse("partners:overview")).status_code == 403


def test_an_account_of_no_partner_enters_nothing(db: None) -> None:
    nobody = User.objects.create(username="nobody")

    assert signed_in(nobody).get(reverse("partners:overview")).status_code == 403


def test_a_paused_partner_enters_nothing(as_role: Callable[[str], Client], partner: Partner) -> None:
    client = as_role("owner")
    Partner.objects.filter(pk=partner.pk).update(is_active=False)

    assert client.get(reverse("partners:overview")).status_code == 403


@pytest.mark.parametrize("address", ["/admin/", "/admin/care/", "/admin/campaigns/offer/"])
def test_partners_people_do_not_enter_the_back_office(as_role: Callable[[str], Client], address: str) -> None:
    response = as_role("owner").get(address)

    assert response.status_code in (302, 403, 404)
    assert response.status_code != 302 or "/admin/login/" in response["Location"]


@pytest.mark.parametrize("name", [name for name, (method, *_rest) in PAGES.items() if method == "get"])
@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_pages_keep_the_strict_policy(
    as_role: Callable[[str], Client], things: dict[str, int | str], name: str, language: str
) -> None:
    """No inline script or style, nothing from elsewhere, and nobody keeps a copy."""
    address = reverse(f"partners:{name}", args=[things[one] for one in PAGES[name][2]])
    response = as_role("owner").get(address, headers={"Accept-Language": language})
    text = response.content.decode()

    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert "unsafe" not in response["Content-Security-Policy"]
    assert "no-store" in response["Cache-Control"]
    assert " style=" not in text
    assert "<style" not in text
    assert " onclick=" not in text
    assert "<script>" not in text


def test_no_page_knows_a_member(
    as_role: Callable[[str], Client], things: dict[str, int | str], make_subscriber: Callable[..., Subscriber]
) -> None:
    """M6: pages are about offers; the canary's number stands on none, in no spelling."""
    offer = Offer.objects.get(pk=things["offer"])
    canary = make_subscriber(msisdn="77010009977")
    PromoCode.objects.create(partner=offer.partner, offer=offer, code="KANARYEN", subscriber=canary, given_at=NOW)
    client = as_role("owner")
    for name, (method, _roles, about) in PAGES.items():
        page = getattr(client, method)(reverse(f"partners:{name}", args=[things[one] for one in about]), follow=True)
        digits = re.sub(r"[ ()+-]", "", page.content.decode())

        assert "7010009977" not in digits, name
        assert "KANARYEN" not in digits, name


@pytest.mark.parametrize(
    ("name", "budget"), [("overview", 10), ("offers", 7), ("team", 6), ("keys", 6), ("uploads", 5)]
)
def test_lists_keep_their_budget_whatever_their_length(
    as_role: Callable[[str], Client],
    things: dict[str, int | str],
    partner: Partner,
    make_offer: Callable[..., Offer],
    django_assert_max_num_queries: Callable[..., object],
    name: str,
    budget: int,
) -> None:
    for number in range(12):
        make_offer(title_ru=f"Скидка {number}")
        Upload.objects.create(partner=partner, file_name="x", created_by="x", created_at=NOW)
    for number in range(5):
        accounts.connect(partner=partner, name=f"program {number}", scopes=["offers"], by="x", now=NOW)
    client = as_role("owner")

    with django_assert_max_num_queries(budget):
        assert client.get(reverse(f"partners:{name}")).status_code == 200
