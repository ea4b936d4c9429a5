"""Offers as staff judge them: what waits first, the message as it will be read, approved or rejected with a reason."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Case, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget

from campaigns.models import Offer
from campaigns.offers import approval, drafts
from campaigns.portal import history, preview
from core.lib import alphabet
from core.staff.admin import ReadOnlyAdmin
from core.staff.dates import day, instant
from core.staff.pages import framed
from core.staff.state_actions import admin_action, subject
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
    actions_detail = ["approve", "reject", "end"]
    approve = admin_action(
        _JUDGE,
        "offer",
        operation=approval.approve,
        does=gettext_lazy("Approve"),
        what=lambda offer: " ".join(
            [_("Campaigns may send it from then on, as it stands now. An edit brings it back here."), *_warned(offer)]
        ),
        done=gettext_lazy("Approved."),
    )
    reject = admin_action(
        _JUDGE,
        "offer",
        operation=approval.reject,
        does=gettext_lazy("Reject"),
        done=gettext_lazy("Rejected; the partner reads why."),
        form=ReasonForm,
        is_dangerous=True,
    )
    end = admin_action(
        _JUDGE,
        "offer",
        operation=approval.end,
        does=gettext_lazy("End"),
        what=gettext_lazy("It is sent no more, and messages that have not left are cancelled. This cannot be undone."),
        done=gettext_lazy("Ended."),
        is_dangerous=True,
    )

    @admin.display(description=gettext_lazy("offer"))
    def title(self, offer: Offer) -> str:
        """In the reader's language."""
        return str(offer)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the offer as its readers will see it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        offer = subject(self, request, object_id)
        may_judge = request.user.has_perm(_JUDGE)
        return framed(
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
        (_("valid"), f"{day(offer.valid_from)} – {day(offer.valid_to)}"),
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
    return f"{history.by_for_staff(who, names)}, {instant(at)}" if at else ""
