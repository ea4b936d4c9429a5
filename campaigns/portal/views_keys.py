"""API keys: the partner's programs, two live keys each, a secret shown once; owners only."""

from typing import Any

from django.contrib import messages
from django.db.models import Prefetch
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns.models import PartnerClient
from campaigns.partners import accounts
from campaigns.portal import access
from campaigns.portal.access import PortalRequest
from campaigns.portal.forms import ClientForm
from core.access import keys
from core.access.models import ApiClient, ApiKey
from core.lib import clock
from core.lib.errors import Refusal

# How the program shows that a request is its own (core.access.auth).
_PROOFS = {
    ApiClient.Proof.SIGNATURE: _(
        "It signs every request with the key's secret; the secret itself is never sent. For programs of your own."
    ),
    ApiClient.Proof.KEY: _(
        "It sends the key and its secret with every request, over HTTPS only: whoever gets hold of them can use them."
        " For tills and programs that cannot sign. Such keys are made by SMART, not here."
    ),
}
_LIVE = ApiKey.objects.filter(revoked_at=None).order_by("slot")
_CLIENTS = PartnerClient.objects.select_related("client", "partner").prefetch_related(
    Prefetch("client__keys", queryset=_LIVE, to_attr="live")
)


@require_safe
@access.page(access.OWNERS)
def key_list(request: PortalRequest) -> HttpResponse:
    """Programs and their keys."""
    return _page(request, ClientForm())


@require_POST
@access.page(access.OWNERS)
def connect(request: PortalRequest) -> HttpResponse:
    """Let another program in, and show its secret this once."""
    form = ClientForm(request.POST)
    if form.is_valid():
        try:
            _client, key_id, secret = accounts.connect(
                partner=request.partner, **form.cleaned_data, by=request.by, now=clock.now()
            )
        except Refusal as refusal:
            form.add_error("name", str(refusal))
        else:
            return _page(request, ClientForm(), issued=(key_id, secret))
    return _page(request, form, status=422)


@require_POST
@access.page(access.OWNERS)
def issue(request: PortalRequest, pk: int) -> HttpResponse:
    """Give a program a second key, to change over without a gap."""
    made = access.own(request, _CLIENTS, pk)
    try:
        key, secret = keys.issue(client=made.client, by=request.by, now=clock.now())
    except keys.NoFreeSlot as refusal:
        messages.error(request, str(refusal))
        return redirect("partners:keys")
    return _page(request, ClientForm(), issued=(key.key_id, secret))


@require_http_methods(["GET", "HEAD", "POST"])
@access.page(access.OWNERS)
def revoke(request: PortalRequest, pk: int, key_id: str) -> HttpResponse:
    """Ask, then end a key's life."""
    made = access.own(request, _CLIENTS, pk)
    key = next((key for key in made.client.live if key.key_id == key_id), None)  # type: ignore[attr-defined]
    if key is None:
        raise Http404
    if request.method == "POST":
        keys.revoke(key=key, by=request.by, now=clock.now())
        messages.success(request, _("The key is revoked; within seconds nothing can be done with it."))
        return redirect("partners:keys")
    return render(
        request,
        "partners/confirm.html",
        {
            "title": _("Revoke the key %(key)s?") % {"key": key.key_id},
            "what": _("“%(program)s” can do nothing with it any more, and it cannot be brought back.")
            % {"program": accounts.client_name(made)},
            "does": _("Revoke"),
            "back": reverse("partners:keys"),
        },
    )


def _page(
    request: PortalRequest, form: ClientForm, *, issued: tuple[str, str] | None = None, status: int = 200
) -> HttpResponse:
    scopes = dict(PartnerClient.Scope.choices)
    programs: list[dict[str, Any]] = [
        {
            "pk": made.pk,
            "name": accounts.client_name(made),
            "scopes": [scopes.get(scope, scope) for scope in made.scopes],
            "keys": made.client.live,  # type: ignore[attr-defined]
            "proof": _PROOFS[ApiClient.Proof(made.client.proof)],
            "networks": ", ".join(made.client.networks),
        }
        for made in _CLIENTS.filter(partner=request.partner).order_by("client__name")
    ]
    context = {"programs": programs, "form": form, "issued": issued}
    return render(request, "partners/keys.html", context, status=status)
