"""Offers as staff judge them: what waits first, the message as it will be read, approved or rejected with a reason."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget

from campaigns.models import Offer
from campaigns.offers import approval, drafts
from campaigns.portal import history, preview
from core.lib import alphabet, astana, clock
from core.lib.errors import Refusal
from core.staff import confirm
from core.staff.admin import ReadOnlyAdmin
from enrollment.models import Channel, Interest, Town

_JUDGE = "campaigns.change_offer"
State = Offer.State


class ReasonForm(forms.Form):
    """What the partner reads."""

    reason = forms.CharField(
        label=gettext_lazy("Why, in words for the partner"),
        max_length=300,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        error_messages={"required": gettext_lazy("Say why, in words for the partner.")},
    )


@admin.register(Offer)
class OfferAdmin(ReadOnlyAdmin):
    """What partners want to say; written by them, judged by us."""

    list_display = ["title", "partner", "category", "state", "valid_from", "valid_to", "submitted_at"]
    list_select_related = ["partner", "category"]
    list_filter = ["state", "partner", "category"]
    search_fields = ["title_kk", "title_ru", "title_en", "partner__name"]
    ordering = [Case(When(state=State.SUBMITTED, then=Value(0)), default=Value(1)), "-changed_at", "-pk"]

    @admin.display(description=gettext_lazy("offer"))
    def title(self, offer: Offer) -> str:
        """In the reader's language."""
        return str(offer)

    def get_urls(self) -> list[URLPattern]:
        """What is done to an offer has an address of its own; opening it only asks."""
        actions: list[tuple[str, Callable[..., HttpResponse]]] = [
            ("approve", self.approve),
            ("reject", self.reject),
            ("end", self.end),
        ]
        own = [
            path(f"<int:object_id>/{name}/", self.admin_site.admin_view(view), name=f"campaigns_offer_{name}")
            for name, view in actions
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the offer as its readers will see it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        offer = confirm.subject(self, request, object_id)
        may_judge = request.user.has_perm(_JUDGE)
        return self._page(
            request,
            "campaigns/offer.html",
            title=offer,
            offer=offer,
            phones=preview.of_offer(offer),
            facts=_facts(offer),
            steps=history.told_to_staff(offer.events.order_by("-at", "-pk"), partner=offer.partner),
            may_decide=may_judge and offer.state == State.SUBMITTED,
            may_end=may_judge and offer.state in (State.APPROVED, State.LIVE),
        )

    def approve(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Let it be sent by campaigns."""
        return self._act(
            request,
            object_id,
            approval.approve,
            does=_("Approve"),
            what=" ".join(
                [
                    _("Campaigns may send it from then on, as it stands now. An edit brings it back here."),
                    *_warned(self._judged(request, object_id)),
                ]
            ),
            done=_("Approved."),
        )

    def end(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Stop sending it, for good."""
        return self._act(
            request,
            object_id,
            approval.end,
            does=_("End"),
            what=_("It is sent no more, and messages that have not left are cancelled. This cannot be undone."),
            done=_("Ended."),
            is_dangerous=True,
        )

    def reject(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Give it back, with the reason."""
        offer = self._judged(request, object_id)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            return self._done(
                request,
                offer,
                lambda **who: approval.reject(offer=offer, reason=form.cleaned_data["reason"], **who),
                _("Rejected; the partner reads why."),
            )
        return self._page(request, "campaigns/reject.html", title=_("Reject"), offer=offer, form=form)

    def _act(
        self,
        request: HttpRequest,
        object_id: int,
        operation: Callable[..., Offer],
        *,
        does: str,
        what: str,
        done: str,
        is_dangerous: bool = False,
    ) -> HttpResponse:
        offer = self._judged(request, object_id)
        if request.method != "POST":
            return confirm.ask(self, request, offer, does=does, what=what, is_dangerous=is_dangerous)
        return self._done(request, offer, lambda **who: operation(offer=offer, **who), done)

    def _done(self, request: HttpRequest, offer: Offer, operation: Callable[..., Offer], done: str) -> HttpResponse:
        """Do it, or say why not, and show the offer."""
        by, now = f"staff:{request.user.get_username()}", clock.now()
        try:
            operation(by=by, now=now)
            messages.success(request, done)
        except Refusal as refusal:
            messages.error(request, str(refusal))
        return redirect(confirm.page_of(offer))

    def _judged(self, request: HttpRequest, object_id: int) -> Offer:
        """The offer, for those who may judge it."""
        if not request.user.has_perm(_JUDGE):
            raise PermissionDenied
        offer: Offer = confirm.subject(self, request, object_id)
        return offer

    def _page(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        return render(request, template, {**self.admin_site.each_context(request), **context})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Offer]:
        """With what its page names."""
        return super().get_queryset(request).select_related("partner", "category")


def _warned(offer: Offer) -> list[str]:
    """What who approves should have seen."""
    links = ", ".join(drafts.foreign_links(offer))
    return (
        [_("These links of its texts were not agreed with the partner: %(links)s.") % {"links": links}] if links else []
    )


def _facts(offer: Offer) -> list[tuple[str, str]]:
    """What it is besides its text, in words; what is not said is left out."""
    towns = [str(town) for town in Town.objects.filter(code__in=offer.towns)] if offer.towns else []
    interests = offer.interests or offer.category.interests
    names = history.names_for_staff(offer.partner)
    told = [
        (_("partner"), str(offer.partner)),
        (_("category"), str(offer.category)),
        (_("valid"), f"{offer.valid_from:%d.%m.%Y} – {offer.valid_to:%d.%m.%Y}"),
        (_("towns"), ", ".join(sorted(towns, key=alphabet.place)) or _("the whole country")),
        (_("interests"), ", ".join(str(one) for one in Interest.objects.filter(code__in=interests))),
        (_("from what age"), str(offer.effective_min_age or "")),
        (_("channels"), ", ".join(str(Channel(code).label) for code in offer.channels)),
        (_("discount"), f"{offer.discount} %" if offer.discount else ""),
        (_("codes"), _codes(offer)),
        (_("telephone of the shop"), offer.phone),
        (_("link"), offer.url),
        (_("leads elsewhere, to addresses not agreed"), ", ".join(drafts.foreign_links(offer))),
        (_("submitted"), _by(offer.submitted_by, offer.submitted_at, names)),
        (_("decided"), _by(offer.decided_by, offer.decided_at, names)),
        (_("why it was rejected"), offer.reason),
    ]
    return [(name, value) for name, value in told if value]


def _codes(offer: Offer) -> str:
    kind = str(offer.get_codes_display())
    if offer.codes == Offer.Codes.NONE:
        return kind
    shown = f"{kind}: {offer.shared_code}" if offer.shared_code else kind
    return shown if offer.uses == 1 or offer.codes == Offer.Codes.SHARED else f"{shown} (× {offer.uses})"


def _by(who: str, at: datetime | None, names: dict[str, str]) -> str:
    return f"{history.by_for_staff(who, names)}, {at.astimezone(astana.ZONE):%d.%m.%Y %H:%M}" if at else ""
