"""Partners and the people and programs that act for them: made, invited, joined, given a role, removed."""

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from secrets import token_urlsafe

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from campaigns.models import Invitation, Partner, PartnerClient, PartnerMember
from core.access import audit, keys
from core.access.models import ApiClient
from core.lib.errors import Refusal

Role = PartnerMember.Role
INVITATION_LIFE = timedelta(days=7)
MOST_INVITATIONS = 20  # open at a time: a partner's account is no way to send mail to the world
INVITATION_REST = timedelta(minutes=1)  # between two mails to one address
MOST_CLIENTS = 10


class BadInvitation(Refusal):
    """Unknown, used, taken back, replaced or too old: the reader is not told which."""

    code = "invitation_not_valid"
    sentence = _("This invitation is not valid any more. Ask for another one.")
    status = 422


class OneOfUs(Refusal):
    """The person acts for the partner already."""

    code = "partner_member_already"
    sentence = _("This person is in the team already.")


class AccountExists(Refusal):
    """One account acts for one partner, and no account of our staff for any."""

    code = "account_exists"
    sentence = _("There is an account with this e-mail already. Ask to be invited under another address.")


class TooManyInvitations(Refusal):
    """Too many are open, or one has just been sent there."""

    code = "too_many_invitations"
    sentence = _("Too many invitations. Wait a little, or withdraw those that nobody accepts.")


class LastOwner(Refusal):
    """Somebody must be able to invite others."""

    code = "last_owner"
    sentence = _("This is the only owner. Make somebody else an owner first.")


class ClientNameTaken(Refusal):
    """The partner has a program of that name."""

    code = "client_name_taken"
    sentence = _("You have a program of this name already.")


class TooManyClients(Refusal):
    """More programs than anybody needs."""

    code = "too_many_clients"
    sentence = _("There are %(most)s programs already. Revoke the keys of one that is not used.")


@transaction.atomic
def create(*, name: str, slug: str, by: str, now: datetime, hosts: Iterable[str] = (), price: int = 0) -> Partner:
    """Take a firm on; its first owner is invited next."""
    partner = Partner.objects.create(name=name, slug=slug, hosts=list(hosts), price=price, created_at=now)
    audit.record(by=by, action="create_partner", subject=f"partner:{partner.pk}", now=now)
    return partner


@transaction.atomic
def invite(*, partner: Partner, email: str, role: str, by: str, now: datetime) -> tuple[Invitation, str]:
    """Ask a person to act for the partner; return the invitation with its token, which is in the mail only.

    Asking again replaces the token. Raises OneOfUs or TooManyInvitations. That somebody else's account has the address
    is told to who accepts, lest owners learn who acts for whom.
    """
    _lock(partner)
    email = email.strip().lower()
    if PartnerMember.objects.filter(partner=partner, user__email__iexact=email).exists():
        raise OneOfUs
    waiting = Invitation.objects.filter(partner=partner, accepted_at=None)
    old = waiting.filter(email=email).first()
    if old is None and waiting.filter(expires_at__gt=now).count() >= MOST_INVITATIONS:
        raise TooManyInvitations
    if old is not None and now - old.created_at < INVITATION_REST:
        raise TooManyInvitations
    token = token_urlsafe(32)
    invitation = old or Invitation(partner=partner, email=email)
    invitation.role, invitation.digest, invitation.invited_by = role, _digest(token), by
    invitation.created_at, invitation.expires_at = now, now + INVITATION_LIFE
    invitation.save()
    _note(partner, "invite", by=by, now=now, invitation=invitation.pk, role=role)
    return invitation, token


@transaction.atomic
def withdraw_invitation(*, invitation: Invitation, by: str, now: datetime) -> None:
    """Take an invitation back; its link leads nowhere from then on. One accepted meanwhile stays."""
    pk = invitation.pk
    gone, _by_model = Invitation.objects.filter(pk=pk, accepted_at=None).delete()
    if gone:
        _note(invitation.partner, "withdraw_invitation", by=by, now=now, invitation=pk)


def invitation_of(*, token: str, now: datetime) -> Invitation:
    """Return the open invitation that the token belongs to. Raises BadInvitation."""
    found = Invitation.objects.select_related("partner").filter(
        digest=_digest(token), accepted_at=None, expires_at__gt=now, partner__is_active=True
    )
    invitation = found.first()
    if invitation is None:
        raise BadInvitation
    return invitation


@transaction.atomic
def accept(*, token: str, name: str, password: str, now: datetime) -> PartnerMember:
    """Let the invited person in, with an account of their own. Raises BadInvitation or AccountExists.

    The token came by mail, so the address is theirs. Who was removed earlier gets the old account back, with this
    password and no second factor.
    """
    invitation = invitation_of(token=token, now=now)
    partner = _lock(invitation.partner)
    invitation = invitation_of(token=token, now=now)  # again: another click may have been faster
    user = _account_for(invitation.email, partner)
    user.first_name, user.is_active = name.strip()[:150], True
    user.set_password(password)
    user.save()
    EmailAddress.objects.update_or_create(
        user=user, email=invitation.email, defaults={"verified": True, "primary": True}
    )
    member = PartnerMember.objects.create(user=user, partner=partner, role=invitation.role, joined_at=now)
    invitation.accepted_at = now
    invitation.save(update_fields=["accepted_at"])
    _note(partner, "join_partner", by=name_of(user), now=now, invitation=invitation.pk, role=invitation.role)
    return member


@transaction.atomic
def change_role(*, member: PartnerMember, role: str, by: str, now: datetime) -> PartnerMember:
    """Give a person another role, from their next click on. Raises LastOwner."""
    _lock(member.partner)
    member.refresh_from_db(fields=["role"])
    if role == member.role:
        return member
    _require_another_owner(member)
    before, member.role = member.role, Role(role)
    member.save(update_fields=["role"])
    _note(member.partner, "change_role", by=by, now=now, user=member.user_id, before=before, after=role)
    return member


@transaction.atomic
def remove(*, member: PartnerMember, by: str, now: datetime) -> None:
    """Let a person act for the partner no more: the account is shut, from its next click on. Raises LastOwner."""
    _lock(member.partner)
    member.refresh_from_db(fields=["role"])
    _require_another_owner(member)
    user = member.user
    member.delete()
    Authenticator.objects.filter(user=user).delete()
    user.is_active = False
    user.set_unusable_password()
    user.save(update_fields=["is_active", "password"])
    _note(member.partner, "remove_member", by=by, now=now, user=user.pk)


@transaction.atomic
def connect(
    *,
    partner: Partner,
    name: str,
    scopes: Collection[str],
    by: str,
    now: datetime,
    proof: str = ApiClient.Proof.SIGNATURE,
) -> tuple[PartnerClient, str, str]:
    """Let a program of the partner's in; return it with its first key's id and secret, which is shown this once.

    Raises ClientNameTaken or TooManyClients.
    """
    _lock(partner)
    live = PartnerClient.objects.filter(partner=partner, client__keys__revoked_at=None, client__keys__isnull=False)
    if live.distinct().count() >= MOST_CLIENTS:
        raise TooManyClients(most=MOST_CLIENTS)
    full = f"{_client_prefix(partner)}{slugify(name)}"[:40]
    if ApiClient.objects.filter(name=full).exists():
        raise ClientNameTaken
    client = ApiClient.objects.create(name=full, kind=ApiClient.Kind.PARTNER, proof=proof)
    made = PartnerClient.objects.create(client=client, partner=partner, scopes=sorted(scopes), made_by=by)
    key, secret = keys.issue(client=client, by=by, now=now)
    return made, key.key_id, secret


def client_name(made: PartnerClient) -> str:
    """What the partner calls the program."""
    return made.client.name.removeprefix(_client_prefix(made.partner))


def name_of(user: User) -> str:
    """How a partner's person is named as `by`."""
    return f"partner:{user.username}"


def _client_prefix(partner: Partner) -> str:
    """Names of clients are unique among all: a partner's own begin with its id, so that no two meet."""
    return f"p{partner.pk}-"


def _account_for(email: str, partner: Partner) -> User:
    """A new account, or that of somebody removed. Raises AccountExists for anybody else's."""
    owners = User.objects.filter(emailaddress__email__iexact=email) | User.objects.filter(email__iexact=email)
    user = owners.distinct().first()
    if user is None:
        return User(username=_free_username(partner), email=email)
    if user.is_staff or user.is_superuser or user.is_active or hasattr(user, "partner_member"):
        raise AccountExists
    return user


def _free_username(partner: Partner) -> str:
    """Short, without anything of the person's: it stands in the audit trail. Needs the partner locked."""
    taken = set(User.objects.filter(username__startswith=f"{partner.slug}-").values_list("username", flat=True))
    return next(name for number in range(1, len(taken) + 2) if (name := f"{partner.slug}-{number}") not in taken)


def _require_another_owner(member: PartnerMember) -> None:
    owners = PartnerMember.objects.filter(partner=member.partner, role=Role.OWNER)
    if member.role == Role.OWNER and not owners.exclude(pk=member.pk).exists():
        raise LastOwner


def _lock(partner: Partner) -> Partner:
    """One change of a partner's people at a time."""
    return Partner.objects.select_for_update().get(pk=partner.pk)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _note(partner: Partner, action: str, *, by: str, now: datetime, **details: object) -> None:
    audit.record(by=by, action=action, subject=f"partner:{partner.pk}", details=details, now=now)
