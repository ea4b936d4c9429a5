"""API clients with their keys, the audit trail, and what waits for a second person."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from core.access import actions, keys
from core.access.models import ApiClient, ApiKey, AuditEvent, Proposal
from core.lib.errors import Refusal
from core.staff.admin import ReadOnlyAdmin, ReadOnlyInline, WithPage
from core.staff.state_actions import WithActions, admin_action

_CHANGE = "access.change_apiclient"


class KeyInline(ReadOnlyInline):
    """The client's keys; secrets are shown once, by the action that issues them."""

    model = ApiKey
    fields = ["key_id", "slot", "created_at", "revoked_at"]


class NoLiveKey(Refusal):
    """There is nothing to revoke."""

    code = "no_live_key"
    sentence = _("There is no live key.")


class KeyNotLive(Refusal):
    """It was revoked between the question and the answer."""

    code = "key_not_live"
    sentence = _("This key is not live any more.")


class KeyForm(forms.Form):
    """The key that was asked about: by the time the form comes, a newer one may be the oldest."""

    key = forms.CharField(required=False, widget=forms.HiddenInput)


def _live_keys(client: ApiClient) -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(client=client, revoked_at=None).order_by("created_at", "pk")


def _oldest(client: ApiClient) -> dict[str, Any]:
    return {"key": _live_keys(client).values_list("key_id", flat=True).first()}


def _what_revoking_does(client: ApiClient) -> str:
    key_id = _oldest(client)["key"]
    if key_id is None:
        raise NoLiveKey
    what = _("Key %(id)s of %(client)s is revoked: calls with it are refused from then on. This cannot be undone.")
    return what % {"id": key_id, "client": client}


def _revoke(*, client: ApiClient, key: str, **who: Any) -> ApiKey:
    found = _live_keys(client).filter(key_id=key).first()
    if found is None:
        raise KeyNotLive
    return keys.revoke(key=found, **who)


@admin.register(ApiClient)
class ApiClientAdmin(WithActions):
    """Machines that call us."""

    list_display = ["name", "kind", "proof", "is_active", "created_at"]
    list_filter = ["kind", "is_active"]
    inlines = [KeyInline]
    actions_detail = ["issue_key", "revoke_oldest_key"]
    issue_key = admin_action(
        _CHANGE,
        "client",
        operation=keys.issue,
        does=_("Issue a key"),
        what=lambda client: (
            _("%(client)s gets another key. Its secret is shown once, on the next page.") % {"client": client}
        ),
        done=lambda issued: (
            _("Key id: %(id)s. Secret, shown this once: %(secret)s") % {"id": issued[0].key_id, "secret": issued[1]}
        ),
        level=messages.WARNING,
    )
    revoke_oldest_key = admin_action(
        _CHANGE,
        "client",
        operation=_revoke,
        does=_("Revoke the oldest key"),
        what=_what_revoking_does,
        done=lambda key: _("Key %(id)s is revoked.") % {"id": key.key_id},
        form=KeyForm,
        initial=_oldest,
        is_dangerous=True,
    )


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Append-only: who did or looked at what, when and why."""

    list_display = ["at", "by", "action_said", "subject", "reason"]
    fields = ["at", "by", "action_said", "subject", "reason", "details"]
    search_fields = ["=subject", "=by", "=action"]
    ordering = ["-at"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent], search_term: str
    ) -> tuple[QuerySet[AuditEvent], bool]:
        """An action is found in rows of earlier versions too, which called it otherwise."""
        spellings = actions.spellings(search_term.strip())
        if len(spellings) > 1:
            return queryset.filter(action__in=spellings), False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description=_("action"), ordering="action")
    def action_said(self, event: AuditEvent) -> str:
        return event.action_in_words


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin, WithPage):
    """What waits comes first, then what was decided last; each has a page of its own (proposal_pages)."""

    list_display = ["what", "summary", "state", "proposed_by", "proposed_at", "lapses_at", "decided_by", "decided_at"]
    list_select_related = ["proposed_by", "decided_by"]
    list_filter = ["state"]
    ordering = [F("decided_at").desc(nulls_first=True), "-pk"]

    @staticmethod
    def page_of(obj: Proposal) -> str:
        """Before beside after, and what one may do."""
        return reverse("proposals:one", args=[obj.pk])

    @admin.display(description=_("what changes"), ordering="kind")
    def what(self, proposal: Proposal) -> str:
        """In words."""
        return str(proposal)

    @admin.display(description=_("change"))
    def summary(self, proposal: Proposal) -> str:
        """In one line."""
        return proposal.summary
