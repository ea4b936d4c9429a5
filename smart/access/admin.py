"""API clients with their keys, and the audit trail."""

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from smart.access import keys
from smart.access.models import ApiClient, ApiKey, AuditEvent
from smart.lib import clock
from smart.lib.admin import ReadOnlyAdmin
from smart.lib.errors import Refusal


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
        client = ApiClient.objects.get(pk=object_id)
        try:
            key, secret = keys.issue(client=client, by=f"staff:{request.user}", now=clock.now())
            text = _("Key id: %(id)s. Secret, shown this once: %(secret)s")
            messages.warning(request, text % {"id": key.key_id, "secret": secret})
        except Refusal as refusal:
            messages.error(request, str(refusal))
        return redirect("admin:access_apiclient_change", object_id)

    @action(description=_("Revoke the oldest key"), permissions=["keys"])
    def revoke_oldest_key(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """End the older of the live keys."""
        key = ApiKey.objects.filter(client_id=object_id, revoked_at=None).order_by("created_at", "pk").first()
        if key is None:
            messages.info(request, _("There is no live key."))
        else:
            keys.revoke(key=key, by=f"staff:{request.user}", now=clock.now())
            messages.success(request, _("Key %(id)s is revoked.") % {"id": key.key_id})
        return redirect("admin:access_apiclient_change", object_id)

    def has_keys_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Whoever may change clients."""
        return request.user.has_perm("access.change_apiclient")


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Append-only: who did or looked at what, when and why."""

    list_display = ["at", "by", "action", "subject", "reason"]
    search_fields = ["=subject", "=by", "=action"]
    ordering = ["-at"]
