"""The team: who acts for the partner, who is invited; owners change it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns.models import Invitation, PartnerMember
from campaigns.partners import accounts
from campaigns.portal import access, mail
from campaigns.portal.access import PortalRequest
from campaigns.portal.forms import InvitationForm, RoleForm
from core.lib import clock
from core.lib.errors import Refusal

_MEMBERS = PartnerMember.objects.select_related("user", "partner")
_WAITING = Invitation.objects.filter(accepted_at=None)


@require_safe
@access.page()
def team(request: PortalRequest) -> HttpResponse:
    """Everybody sees who is in the team."""
    return _page(request, InvitationForm())


@require_POST
@access.page(access.OWNERS)
def invite(request: PortalRequest) -> HttpResponse:
    """Invite somebody by e-mail; the same address again gets a new link."""
    form = InvitationForm(request.POST)
    if form.is_valid():
        try:
            _invite(request, **form.cleaned_data)
        except Refusal as refusal:
            form.add_error("email", str(refusal))
        else:
            return redirect("partners:team")
    return _page(request, form, status=422)


@require_POST
@access.page(access.OWNERS)
def withdraw_invitation(request: PortalRequest, pk: int) -> HttpResponse:
    """Take an invitation back."""
    accounts.withdraw_invitation(invitation=access.own(request, _WAITING, pk), by=request.by, now=clock.now())
    messages.success(request, _("The invitation is withdrawn."))
    return redirect("partners:team")


@require_POST
@access.page(access.OWNERS)
def change_role(request: PortalRequest, pk: int) -> HttpResponse:
    """Give somebody another role."""
    member = access.own(request, _MEMBERS, pk)
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("There is no such role."))
        return redirect("partners:team")
    try:
        accounts.change_role(member=member, role=form.cleaned_data["role"], by=request.by, now=clock.now())
    except accounts.LastOwner as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The role is changed."))
    return redirect("partners:team")


@require_http_methods(["GET", "HEAD", "POST"])
@access.page(access.OWNERS)
def remove(request: PortalRequest, pk: int) -> HttpResponse:
    """Ask, then remove somebody from the team."""
    member = access.own(request, _MEMBERS, pk)
    name = member.user.first_name or member.user.email
    if request.method == "POST":
        try:
            accounts.remove(member=member, by=request.by, now=clock.now())
        except accounts.LastOwner as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("%(name)s is no longer in the team.") % {"name": name})
        return redirect("partners:team")
    return render(
        request,
        "partners/confirm.html",
        {
            "title": _("Remove %(name)s from the team?") % {"name": name},
            "what": _("The account is shut at once. What the person did stays in the history."),
            "does": _("Remove"),
            "back": reverse("partners:team"),
        },
    )


def _invite(request: PortalRequest, email: str, role: str) -> None:
    invitation, token = accounts.invite(partner=request.partner, email=email, role=role, by=request.by, now=clock.now())
    if mail.send_invitation(request, of=invitation, token=token):
        messages.success(request, _("The invitation is on its way to %(email)s.") % {"email": invitation.email})
    else:
        messages.error(request, _("The mail could not be sent. Invite the same address again in a minute."))


def _page(request: PortalRequest, form: InvitationForm, *, status: int = 200) -> HttpResponse:
    members = sorted(
        _MEMBERS.filter(partner=request.partner), key=lambda one: (one.user.first_name or one.user.email).lower()
    )
    return render(
        request,
        "partners/team.html",
        {
            "members": members,
            "waiting": _WAITING.filter(partner=request.partner).order_by("-created_at"),
            "now": clock.now(),
            "roles": PartnerMember.Role.choices,
            "form": form,
            "is_owner": request.member.role in access.OWNERS,
        },
        status=status,
    )
