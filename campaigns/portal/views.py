"""The portal's front door: overview, and the page where an invited person joins."""

from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.contrib.auth import logout
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from campaigns.models import Offer, OfferEvent
from campaigns.partners import accounts
from campaigns.portal import access, history
from campaigns.portal.access import PortalRequest
from campaigns.portal.forms import JoinForm
from core.lib import clock

_LATEST = 8


@require_safe
@access.page()
def overview(request: PortalRequest) -> HttpResponse:
    """Where the partner's offers stand, what needs somebody, what happened lately."""
    offers = Offer.objects.filter(partner=request.partner)
    counted = dict(offers.order_by().values_list("state").annotate(Count("pk")))
    events = OfferEvent.objects.filter(offer__partner=request.partner).select_related("offer")
    return render(
        request,
        "partners/overview.html",
        {
            "states": [(state, state.label, counted.get(state, 0)) for state in Offer.State],
            "has_offers": bool(counted),
            "rejected": offers.filter(state=Offer.State.REJECTED).order_by("-decided_at")[:5],
            "events": history.told(events.order_by("-pk")[:_LATEST], partner=request.partner),
            "is_protected": is_mfa_enabled(request.user),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Who was invited chooses a name and a password, and may then sign in."""
    response = _join(request, token)
    add_never_cache_headers(response)
    return response


def _join(request: HttpRequest, token: str) -> HttpResponse:
    now = clock.now()
    try:
        invitation = accounts.invitation_of(token=token, now=now)
        form = JoinForm(request.POST if request.method == "POST" else None, email=invitation.email)
        if form.is_valid():
            given = form.cleaned_data
            accounts.accept(token=token, name=given["name"], password=given["password1"], now=now)
            logout(request)  # whoever else may be signed in in this browser
            messages.success(request, _("Welcome. Sign in with your e-mail and the password you chose."))
            return redirect("account_login")
    except (accounts.BadInvitation, accounts.AccountExists) as refusal:
        return render(request, "partners/invitation_over.html", {"why": refusal}, status=refusal.status)
    return render(request, "partners/join.html", {"form": form, "invitation": invitation})
