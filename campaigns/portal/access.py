"""Who sees which page of the portal: a partner's own people, each by role, and nobody another partner's things."""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django_htmx.http import HttpResponseClientRedirect

from campaigns.models import Partner, PartnerMember
from campaigns.partners.accounts import name_of

Role = PartnerMember.Role
EVERYBODY = frozenset(Role)
EDITORS = frozenset({Role.OWNER, Role.EDITOR})
OWNERS = frozenset({Role.OWNER})

View = Callable[..., HttpResponse]
M = TypeVar("M", bound=Model)


class PortalRequest(HttpRequest):
    """A request of a partner's person: what views behind `page` get."""

    user: User
    member: PartnerMember
    partner: Partner
    by: str


def page(roles: Collection[str] = EVERYBODY) -> Callable[[View], View]:
    """Open a page to these roles; others read why not (403), and who has not signed in may do so."""

    def decorate(view: View) -> View:
        @wraps(view)
        def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            refusal = _admit(request, roles)
            response = forbidden(request, refusal) if refusal else view(request, *args, **kwargs)
            add_never_cache_headers(response)  # no page of theirs from a shared computer's cache
            return response

        return opened

    return decorate


def entrance(view: View) -> View:
    """Open a page to who has not signed in, or to partners' people; staff signed in are told to sign out first."""

    @wraps(view)
    def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        refusal = _admit(request, EVERYBODY) if request.user.is_authenticated else ""
        return forbidden(request, refusal) if refusal else view(request, *args, **kwargs)

    return opened


def own(request: PortalRequest, queryset: QuerySet[M], pk: int) -> M:
    """Return the partner's own object; another's is 404, as one that does not exist."""
    return get_object_or_404(queryset.filter(partner=request.partner), pk=pk)


def member_of(user: User) -> PartnerMember | None:
    """Return for whom an account acts, if for anybody: staff never do, whatever the tables say."""
    if user.is_staff or user.is_superuser:
        return None
    return PartnerMember.objects.select_related("partner").filter(user=user).first()


def forbidden(request: HttpRequest, why: str | Promise) -> HttpResponse:
    """403 in words."""
    return render(request, "partners/forbidden.html", {"why": why}, status=403)


def _admit(request: Any, roles: Collection[str]) -> str | Promise:
    """Put the person into the request; return why not, if so."""
    user = request.user
    member = member_of(user)
    if user.is_staff or user.is_superuser:
        return _("You are signed in as one of SMART's staff. The portal is for partners: sign out first.")
    if member is None:
        return _("Your account acts for no partner.")
    if not member.partner.is_active:
        return _("Your firm's access is paused. Ask SMART about it.")
    request.member, request.partner, request.by = member, member.partner, name_of(user)
    if member.role not in roles:
        return _("Your role does not allow this. An owner of your team can change it.")
    return ""


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """Back to where one was going afterwards, where that is a page."""
    address = reverse("account_login")
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect(address)
    if request.method == "GET":
        address = f"{address}?{urlencode({'next': request.get_full_path()})}"
    return redirect(address)
