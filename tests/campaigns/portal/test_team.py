"""The team: an invitation's life, roles that change, and an owner who stays."""

import re
import smtplib
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse

from campaigns.models import Invitation, Partner, PartnerMember
from campaigns.partners import accounts
from core.access.models import AuditEvent
from tests.campaigns.conftest import NOW
from tests.campaigns.portal.conftest import PASSWORD, person

pytestmark = pytest.mark.django_db
WEEK = timedelta(days=7)


def invited(partner: Partner, email: str = "new@arbat.example", role: str = "editor") -> str:
    return accounts.invite(partner=partner, email=email, role=role, by="partner:x", now=NOW)[1]


def accept(token: str, **given: object) -> PartnerMember:
    usual: dict[str, object] = {"name": "Aliya", "password": PASSWORD, "now": NOW}
    return accounts.accept(token=token, **usual | given)  # type: ignore[arg-type]


def test_an_invited_person_joins_and_signs_in(as_role: Callable[[str], Client], client: Client) -> None:
    as_role("owner").post(reverse("partners:invite"), {"email": "Aliya@Arbat.example", "role": "editor"})
    (letter,) = mail.outbox
    assert letter.to == ["aliya@arbat.example"]
    assert all(word in letter.body for word in ("приглашает", "шақырады", "invites"))
    address = re.search(r"http://testserver(/partners/join/\S+)", letter.body)[1]

    assert "aliya@arbat.example" in client.get(address).content.decode()
    done = client.post(address, {"name": "Алия", "password1": PASSWORD, "password2": PASSWORD})

    assert done["Location"] == reverse("account_login")
    member = PartnerMember.objects.get(user__email="aliya@arbat.example")
    assert (member.role, member.user.first_name, member.user.is_staff) == ("editor", "Алия", False)
    signed = client.post(done["Location"], {"login": member.user.email, "password": PASSWORD})
    assert signed["Location"] == reverse("partners:overview")
    assert client.get(address).status_code == 422, "the link works once"


def test_only_the_tokens_digest_is_kept(partner: Partner) -> None:
    token = invited(partner)

    row = str(Invitation.objects.values().get())

    assert token not in row


def test_an_invitation_lasts_seven_days(partner: Partner) -> None:
    token = invited(partner)

    assert accounts.invitation_of(token=token, now=NOW + WEEK - timedelta(seconds=1))
    with pytest.raises(accounts.BadInvitation):
        accept(token, now=NOW + WEEK)


def test_asking_again_replaces_the_link(partner: Partner) -> None:
    old = invited(partner)
    later = NOW + timedelta(minutes=2)
    _invitation, new = accounts.invite(
        partner=partner, email="new@arbat.example", role="viewer", by="partner:x", now=later
    )

    with pytest.raises(accounts.BadInvitation):
        accept(old, now=later)
    assert accept(new, now=later).role == "viewer"


def test_an_invitation_is_taken_back(partner: Partner) -> None:
    token = invited(partner)
    accounts.withdraw_invitation(invitation=Invitation.objects.get(), by="partner:x", now=NOW)

    with pytest.raises(accounts.BadInvitation):
        accept(token)


def test_a_paused_partner_s_invitation_leads_nowhere(partner: Partner) -> None:
    token = invited(partner)
    Partner.objects.update(is_active=False)

    with pytest.raises(accounts.BadInvitation):
        accept(token)


@pytest.mark.parametrize("whose", ["staff", "another partner"])
def test_an_address_that_has_an_account_is_not_taken_over(
    partner: Partner, stranger: Partner, staff: User, whose: str
) -> None:
    other = staff if whose == "staff" else person(stranger, "boris", "owner").user
    token = invited(partner, other.email)

    with pytest.raises(accounts.AccountExists):
        accept(token)
    assert not other.check_password("x")
    assert not PartnerMember.objects.filter(partner=partner).exists()


def test_who_is_in_the_team_is_not_invited(partner: Partner, team: dict[str, PartnerMember]) -> None:
    with pytest.raises(accounts.OneOfUs):
        invited(partner, "VERA@arbat.example")


def test_the_world_is_not_mailed_to(partner: Partner) -> None:
    invited(partner, "0@arbat.example")
    with pytest.raises(accounts.TooManyInvitations):
        invited(partner, "0@arbat.example")  # in the same minute
    for number in range(1, accounts.MOST_INVITATIONS):
        invited(partner, f"{number}@arbat.example")

    with pytest.raises(accounts.TooManyInvitations):
        invited(partner, "one-more@arbat.example")


def test_who_was_removed_comes_back_by_invitation_only(partner: Partner, team: dict[str, PartnerMember]) -> None:
    user = team["viewer"].user
    accounts.remove(member=team["viewer"], by="partner:x", now=NOW)
    user.refresh_from_db()
    assert (user.is_active, user.has_usable_password()) == (False, False)

    member = accept(invited(partner, user.email, "editor"))

    assert (member.user.pk, member.role, member.user.is_active) == (user.pk, "editor", True)


def test_a_removed_person_is_out_at_the_next_click(
    as_role: Callable[[str], Client], team: dict[str, PartnerMember]
) -> None:
    client = as_role("viewer")
    as_role("owner").post(reverse("partners:member_remove", args=[team["viewer"].pk]))

    assert client.get(reverse("partners:overview")).status_code == 302
    assert not PartnerMember.objects.filter(pk=team["viewer"].pk).exists()


def test_removing_asks_first(as_role: Callable[[str], Client], team: dict[str, PartnerMember]) -> None:
    as_role("owner").get(reverse("partners:member_remove", args=[team["viewer"].pk]))

    assert PartnerMember.objects.filter(pk=team["viewer"].pk).exists()


def test_the_last_owner_cannot_go(as_role: Callable[[str], Client], team: dict[str, PartnerMember]) -> None:
    owner = team["owner"]

    as_role("owner").post(reverse("partners:member_role", args=[owner.pk]), {"role": "viewer"})
    as_role("owner").post(reverse("partners:member_remove", args=[owner.pk]))

    owner.refresh_from_db()
    assert owner.role == "owner"


def test_an_owner_may_go_when_there_is_another(
    as_role: Callable[[str], Client], team: dict[str, PartnerMember]
) -> None:
    client = as_role("owner")
    client.post(reverse("partners:member_role", args=[team["editor"].pk]), {"role": "owner"})

    client.post(reverse("partners:member_role", args=[team["owner"].pk]), {"role": "viewer"})

    assert {role: member.role for role, member in team.items() if not member.refresh_from_db()} == {
        "owner": "viewer",
        "editor": "owner",
        "viewer": "viewer",
    }
    assert client.get(reverse("partners:keys")).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_once_do_not_both(partner: Partner) -> None:
    owners = [person(partner, name, "owner") for name in ("dana", "boris")]
    barrier = threading.Barrier(2)

    def leave(member: PartnerMember) -> None:
        try:
            barrier.wait(10)
            accounts.remove(member=member, by="partner:x", now=NOW)
        except accounts.LastOwner:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=leave, args=[member]) for member in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert PartnerMember.objects.filter(role="owner").count() == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"password2": "something-else-12"}, "password2"),
        ({"password1": "short", "password2": "short"}, "password1"),
        ({"password1": "password1234", "password2": "password1234"}, "password1"),
        ({"name": ""}, "name"),
    ],
    ids=["different", "short", "common", "nameless"],
)
def test_a_bad_choice_is_told_at_its_field(client: Client, partner: Partner, given: dict[str, str], field: str) -> None:
    address = reverse("partners:join", args=[invited(partner)])

    response = client.post(address, {"name": "Aliya", "password1": PASSWORD, "password2": PASSWORD} | given)

    assert list(response.context["form"].errors) == [field]
    assert not PartnerMember.objects.exists()


def test_a_mail_server_that_is_down_is_told_and_can_be_tried_again(
    as_role: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_message: object) -> None:
        raise smtplib.SMTPServerDisconnected

    monkeypatch.setattr("django.core.mail.EmailMessage.send", fail)

    page = as_role("owner").post(
        reverse("partners:invite"),
        {"email": "new@arbat.example", "role": "editor"},
        headers={"Accept-Language": "en"},
        follow=True,
    )

    assert "could not be sent" in page.content.decode()
    assert Invitation.objects.count() == 1


def test_the_back_office_invites_the_first_owner(
    partner: Partner, django_capture_on_commit_callbacks: Callable[..., Any], client: Client
) -> None:
    client.force_login(User.objects.create_superuser("root"))
    given = {"name": partner.name, "slug": partner.slug, "is_active": "on", "hosts": "", "price": "0"}
    inline = {f"members-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL")}
    address = reverse("admin:campaigns_partner_change", args=[partner.pk])

    with django_capture_on_commit_callbacks(execute=True):
        done = client.post(address, given | inline | {"owner": "first@arbat.example"})

    assert done.status_code == 302
    (letter,) = mail.outbox
    token = re.search(r"/partners/join/([^/]+)/", letter.body)[1]
    assert (letter.to, accept(token).role) == (["first@arbat.example"], "owner")


def test_every_step_is_in_the_audit_trail(partner: Partner, team: dict[str, PartnerMember]) -> None:
    accounts.withdraw_invitation(
        invitation=accounts.invite(partner=partner, email="a@b.example", role="editor", by="partner:x", now=NOW)[0],
        by="partner:x",
        now=NOW,
    )
    accept(invited(partner))
    accounts.change_role(member=team["viewer"], role="editor", by="partner:x", now=NOW)
    accounts.remove(member=team["viewer"], by="partner:x", now=NOW)

    told = [(event.action, event.by) for event in AuditEvent.objects.order_by("pk")]
    assert told == [
        ("invite", "partner:x"),
        ("withdraw_invitation", "partner:x"),
        ("invite", "partner:x"),
        ("join_partner", "partner:arbat-1"),
        ("change_role", "partner:x"),
        ("remove_member", "partner:x"),
    ]
    assert not any("@" in str(event.details) for event in AuditEvent.objects.all())
