"""API clients with their keys, and the audit trail."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from core.access import actions, keys
from core.access.models import ApiClient, ApiKey, AuditEvent
from core.lib import clock
from core.lib.errors import Refusal
from core.staff import confirm
from core.staff.admin import ReadOnlyAdmin


class KeyInline(TabularInline):
    """The client's keys; secrets are shown once, when issued."""

    model = ApiKey
    extra = 0
    fields = readonly_fields = ["key_id", "slot", "created_at", "revoked_at"]
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: ApiClient | None = None) -> bool:
        """Issued by the action, which tells the secret."""
        return False


@admin.register(ApiClient)
class ApiClientAdmin(ModelAdmin):
    """Machines that call us."""

    list_display = ["name", "kind", "proof", "is_active", "created_at"]
    list_filter = ["kind", "is_active"]
    inlines = [KeyInline]
    actions_detail = ["issue_key", "revoke_oldest_key"]

    @action(description=_("Issue a key"), permissions=["keys"])
    def issue_key(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Show a new key's secret, this once."""
        client = confirm.subject(self, request, object_id)
        if request.method != "POST":
            what = _("%(client)s gets another key. Its secret is shown once, on the next page.") % {"client": client}
            return confirm.ask(self, request, client, does=_("Issue a key"), what=what)
        try:
            key, secret = keys.issue(client=client, by=f"staff:{request.user}", now=clock.now())
            text = _("Key id: %(id)s. Secret, shown this once: %(secret)s")
            messages.warning(request, text % {"id": key.key_id, "secret": secret})
        except Refusal as refusal:
            messages.error(request, str(refusal))
        return redirect(confirm.page_of(client))

    @action(description=_("Revoke the oldest key"), permissions=["keys"])
    def revoke_oldest_key(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """End the older of the live keys: the one that was asked about, though a newer one may be the older by now."""
        client = confirm.subject(self, request, object_id)
        live = ApiKey.objects.filter(client=client, revoked_at=None).order_by("created_at", "pk")
        if request.method != "POST":
            return self._ask_to_revoke(request, client, live.first())
        key = live.filter(key_id=request.POST.get("key", "")).first()
        if key is None:
            messages.info(request, _("This key is not live any more."))
        else:
            keys.revoke(key=key, by=f"staff:{request.user}", now=clock.now())
            messages.success(request, _("Key %(id)s is revoked.") % {"id": key.key_id})
        return redirect(confirm.page_of(client))

    def _ask_to_revoke(self, request: HttpRequest, client: ApiClient, key: ApiKey | None) -> HttpResponse:
        if key is None:
            messages.info(request, _("There is no live key."))
            return redirect(confirm.page_of(client))
        what = _("Key %(id)s of %(client)s is revoked: calls with it are refused from then on. This cannot be undone.")
        return confirm.ask(
            self,
            request,
            client,
            does=_("Revoke the oldest key"),
            what=what % {"id": key.key_id, "client": client},
            is_dangerous=True,
            key=key.key_id,
        )

    def has_keys_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Whoever may change clients."""
        return request.user.has_perm("access.change_apiclient")


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
        """In words."""
        return event.action_in_words
