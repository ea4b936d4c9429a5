"""Terms, grants, the ledger and debits in the back office."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from bonuses.changes import bonus_terms
from bonuses.models import BonusTerms, Debit, Grant, LedgerEntry, PayableService
from bonuses.words import REFUSALS
from core.access.change_kinds import Fields
from core.access.proposing import ProposingAdmin
from core.lib import clock
from core.lib.astana import month_of
from core.staff.admin import ReadOnlyAdmin, WordsFilter


class PayableInline(TabularInline):
    """What the units of these terms pay for (B9); nothing listed, nothing paid."""

    model = PayableService
    extra = 0

    def has_change_permission(self, request: HttpRequest, obj: BonusTerms | None = None) -> bool:
        """As the terms."""
        return super().has_change_permission(request, obj) and _is_future(obj)

    def has_add_permission(self, request: HttpRequest, obj: BonusTerms | None = None) -> bool:
        """As the terms."""
        return super().has_add_permission(request, obj) and (obj is None or _is_future(obj))

    def has_delete_permission(self, request: HttpRequest, obj: BonusTerms | None = None) -> bool:
        """As the terms."""
        return super().has_delete_permission(request, obj) and _is_future(obj)


def _is_future(terms: BonusTerms | None) -> bool:
    return terms is not None and terms.effective_from > month_of(clock.now())


@admin.register(BonusTerms)
class BonusTermsAdmin(ProposingAdmin):
    """Versions: a month that has begun keeps its terms; those of months to come take two people."""

    list_display = ["kind", "effective_from", "units", "valid_hours", "activate_within_days"]
    list_filter = ["kind"]
    ordering = ["kind", "-effective_from"]
    inlines = [PayableInline]
    change_kind = "bonus_terms"

    def subject_of(self, obj: BonusTerms) -> str:
        """The kind and the month."""
        return bonus_terms.subject_of(obj.kind, obj.effective_from)

    def fields_of(self, obj: BonusTerms, formsets: list[Any]) -> Fields:
        """The figures, and what is listed below them."""
        rows = [form.cleaned_data for formset in formsets for form in formset.forms]
        return bonus_terms.fields_of(
            obj, {(row["service"], row["destination"]) for row in rows if row and not row.get("DELETE")}
        )

    def get_readonly_fields(self, request: HttpRequest, obj: BonusTerms | None = None) -> list[str]:
        """What tells them from others stays: a proposal names them by it."""
        return ["kind", "effective_from"] if obj else []

    def has_change_permission(self, request: HttpRequest, obj: BonusTerms | None = None) -> bool:
        """Only terms of a month to come can be changed."""
        return super().has_change_permission(request, obj) and (obj is None or _is_future(obj))

    def has_delete_permission(self, request: HttpRequest, obj: BonusTerms | None = None) -> bool:
        """Only terms of a month to come can be deleted."""
        return super().has_delete_permission(request, obj) and _is_future(obj)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """New terms begin with a month to come."""
        form = super().get_form(request, obj, change=change, **kwargs)

        class FutureForm(form):  # type: ignore[misc, valid-type]
            def clean_effective_from(self) -> Any:
                month = self.cleaned_data["effective_from"]
                if month.day != 1:
                    self.add_error("effective_from", _("Terms begin on the first of a month."))
                elif month <= month_of(clock.now()):
                    self.add_error("effective_from", bonus_terms.TermsBegun.sentence)
                return month

        return FutureForm


@admin.register(Grant)
class GrantAdmin(ReadOnlyAdmin):
    """Changed by operations only."""

    list_display = ["id", "month", "subscriber", "kind", "units", "remaining", "state", "activated_at", "expires_at"]
    list_select_related = ["subscriber"]
    list_filter = ["state", "kind"]
    search_fields = ["=subscriber__pk"]
    ordering = ["-month", "-pk"]  # the partitions' own key


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    """Append-only (B12): the database refuses changes."""

    list_display = ["id", "month", "subscriber", "its_grant", "kind", "units", "at", "moved"]
    list_select_related = ["subscriber"]
    list_filter = ["kind"]
    search_fields = ["=grant_id"]
    ordering = ["-month", "-pk"]
    fields = ["month", "its_grant", "subscriber", "kind", "units", "at", "key", "moved"]

    @admin.display(description=_("id of the grant"), ordering="grant_id")
    def its_grant(self, entry: LedgerEntry) -> int:
        """The id alone: the grant itself is not fetched."""
        return entry.grant_id

    @admin.display(description=_("reason"))
    def moved(self, entry: LedgerEntry) -> str:
        """Why the units moved, in words."""
        return entry.reason_in_words


class RefusalFilter(WordsFilter):
    """By what a debit was refused for, in words."""

    title, parameter_name, words = _("refusal"), "refusal", REFUSALS


class ServiceFilter(WordsFilter):
    """By what was to be paid for, in words."""

    title, parameter_name, words = _("service"), "service", dict(PayableService.Service.choices)


@admin.register(Debit)
class DebitAdmin(ReadOnlyAdmin):
    """Charging requests and their answers."""

    list_display = [
        "id",
        "request_id",
        "client",
        "subscriber",
        "paid_for",
        "units_asked",
        "units_granted",
        "refused",
        "event_at",
    ]
    list_select_related = ["client", "subscriber"]
    list_filter = [RefusalFilter, ServiceFilter]
    search_fields = ["=request_id", "=subscriber__pk"]
    ordering = ["-month", "-pk"]
    fields = [
        "month", "request_id", "client", "subscriber", "paid_for", "visited_plmn", "event_at", "decided_at",
        "units_asked", "units_granted", "refused", "status",
    ]  # fmt: skip

    @admin.display(description=_("service"))
    def paid_for(self, debit: Debit) -> str:
        return debit.service_in_words

    @admin.display(description=_("refusal"))
    def refused(self, debit: Debit) -> str:
        return debit.refusal_in_words
