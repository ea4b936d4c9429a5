"""Pages of offers: the list, the form with its preview, one offer, and what can be done to it."""

from collections.abc import Callable

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns.codes import pool
from campaigns.models import Offer
from campaigns.offers import approval
from campaigns.offers.drafts import Draft
from campaigns.portal import access, history, preview
from campaigns.portal.access import PortalRequest
from campaigns.portal.forms import OfferForm
from core.lib import astana, clock
from core.lib.errors import Refusal
from core.lib.languages import LANGUAGES
from enrollment.models import Channel, Interest, Town

State = Offer.State
_PAGE = 25
_OFFERS = Offer.objects.select_related("category")
# What can be done to an offer where it stands.
_EDITED = set(State) - {State.ENDED}
_SUBMITTED = {State.DRAFT, State.REJECTED}
_WITHDRAWN = {State.SUBMITTED}
_ENDED = {State.APPROVED, State.LIVE}


@require_safe
@access.page()
def offer_list(request: PortalRequest) -> HttpResponse:
    """The partner's offers, newest change first, by state and by words of the title."""
    mine = _OFFERS.filter(partner=request.partner)
    counted = dict(mine.order_by().values_list("state").annotate(Count("pk")))
    chosen = request.GET.get("state", "")
    words = request.GET.get("q", "").strip()[:80].replace("\0", "")
    shown = mine.filter(state=chosen) if chosen in State.values else mine
    if words:
        shown = shown.filter(_titled(words))
    page = Paginator(shown.order_by("-changed_at", "-pk"), _PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "partners/offers.html",
        {
            "page": page,
            "states": [(state, state.label, counted[state]) for state in State if state in counted],
            "total": sum(counted.values()),
            "chosen": chosen if chosen in State.values else "",
            "words": words,
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@access.page(access.EDITORS)
def create(request: PortalRequest) -> HttpResponse:
    """A new offer."""
    form = _form(request)
    if request.method == "POST" and form.is_valid():
        now = clock.now()
        offer = _tried(
            form, lambda: approval.create(partner=request.partner, draft=form.draft(), by=request.by, now=now)
        )
        if offer is not None:
            return _after_saving(request, offer)
    return _form_page(request, form, None)


@require_http_methods(["GET", "HEAD", "POST"])
@access.page(access.EDITORS)
def edit(request: PortalRequest, pk: int) -> HttpResponse:
    """The same form for an offer that is there; approved ones go back to approval."""
    offer = access.own(request, _OFFERS, pk)
    if offer.state not in _EDITED:
        messages.error(request, str(approval.OfferStateRefusal(state=offer.get_state_display())))
        return redirect("partners:offer", offer.pk)
    form = _form(request, of=Draft.of(offer))
    if request.method == "POST" and form.is_valid():
        now = clock.now()
        edited = _tried(form, lambda: approval.edit(offer=offer, draft=form.draft(), by=request.by, now=now))
        if edited is not None:
            return _after_saving(request, edited)
    return _form_page(request, form, offer)


@require_POST
@access.page(access.EDITORS)
def preview_message(request: PortalRequest) -> HttpResponse:
    """The message as the form stands; nothing is kept."""
    return render(request, "partners/preview.html", {"previews": preview.of_form(request.POST.dict())})


@require_safe
@access.page()
def offer_page(request: PortalRequest, pk: int) -> HttpResponse:
    """One offer: its message, its facts, its history, and what can be done."""
    offer = access.own(request, _OFFERS, pk)
    may_write = request.member.role in access.EDITORS
    doable = {"edit": _EDITED, "submit": _SUBMITTED, "withdraw": _WITHDRAWN, "end": _ENDED}
    return render(
        request,
        "partners/offer.html",
        {
            "offer": offer,
            "previews": preview.of_offer(offer),
            "interests": _names(Interest.objects.filter(code__in=offer.interests or offer.category.interests)),
            "towns": _names(Town.objects.filter(code__in=offer.towns)),
            "steps": history.told(offer.events.select_related("offer").order_by("-pk"), partner=request.partner),
            "channels": [Channel(one).label for one in offer.channels],
            "can": {action: may_write and offer.state in states for action, states in doable.items()},
        },
    )


@require_POST
@access.page(access.EDITORS)
def submit(request: PortalRequest, pk: int) -> HttpResponse:
    """Ask for approval."""
    return _move(request, pk, approval.submit, _("The offer waits for approval now."))


@require_POST
@access.page(access.EDITORS)
def withdraw(request: PortalRequest, pk: int) -> HttpResponse:
    """Take it back."""
    return _move(request, pk, approval.withdraw, _("The offer is a draft again."))


@require_POST
@access.page(access.EDITORS)
def bring_codes(request: PortalRequest, pk: int) -> HttpResponse:
    """Take the partner's own codes, one a line; all or none."""
    offer = access.own(request, _OFFERS, pk)
    try:
        taken = pool.bring_own(offer=offer, codes=request.POST.get("codes", "").split())
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, str(_("Codes taken: %(count)s.") % {"count": taken}))
    return redirect("partners:offer", offer.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@access.page(access.EDITORS)
def end(request: PortalRequest, pk: int) -> HttpResponse:
    """Ask, then end it for good."""
    if request.method == "POST":
        return _move(request, pk, approval.end, _("The offer has ended."))
    offer = access.own(request, _OFFERS, pk)
    return render(
        request,
        "partners/confirm.html",
        {
            "title": _("End the offer “%(offer)s”?") % {"offer": offer},
            "what": _("It is sent to nobody any more, and it cannot be taken up again."),
            "does": _("End it"),
            "back": reverse("partners:offer", args=[offer.pk]),
        },
    )


def _titled(words: str) -> Q:
    """A title holds the words, in any usual spelling: the database may fold the case of Latin letters only."""
    spellings = {words, words.lower(), words.upper(), words.capitalize()}
    found = Q()
    for language in LANGUAGES:
        for spelling in spellings:
            found |= Q(**{f"title_{language}__contains": spelling})
    return found


def _form(request: PortalRequest, of: Draft | None = None) -> OfferForm:
    given = request.POST if request.method == "POST" else None
    return OfferForm(given, partner=request.partner, today=astana.day_of(clock.now()), of=of)


def _form_page(request: PortalRequest, form: OfferForm, offer: Offer | None) -> HttpResponse:
    raw = {name: str(form[name].value() or "") for name in form.fields}
    context = {"form": form, "offer": offer, "previews": preview.of_form(raw)}
    return render(request, "partners/offer_form.html", context, status=422 if form.errors else 200)


def _tried(form: OfferForm, save: Callable[[], Offer]) -> Offer | None:
    """Save, or tell in the form why not."""
    try:
        return save()
    except approval.BadOffer as refusal:
        form.refuse(refusal.problems)
    except approval.OfferStateRefusal as refusal:
        form.add_error(None, str(refusal))
    return None


def _after_saving(request: PortalRequest, offer: Offer) -> HttpResponse:
    """Submit as well when that was the button, and show the offer."""
    if "submit" in request.POST and offer.state in _SUBMITTED:
        return _move(request, offer.pk, approval.submit, _("The offer waits for approval now."))
    messages.success(request, _("The offer is saved."))
    return redirect("partners:offer", offer.pk)


def _move(request: PortalRequest, pk: int, operation: Callable[..., Offer], done: str | Promise) -> HttpResponse:
    offer = access.own(request, _OFFERS, pk)
    try:
        operation(offer=offer, by=request.by, now=clock.now())
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, str(done))
    return redirect("partners:offer", offer.pk)


def _names(found: object) -> list[str]:
    return sorted(map(str, found), key=str.lower)  # type: ignore[call-overload]
