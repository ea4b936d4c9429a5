"""Firms whose offers we send: taken on here, their people see to themselves in the portal."""

import re
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminTextareaWidget

from campaigns.models import Category, Invitation, Partner, PartnerMember
from campaigns.partners import accounts
from campaigns.portal import mail
from core.access import audit
from core.lib import clock
from core.staff.admin import ReadOnlyAdmin, ReadOnlyInline, Undeletable
from core.staff.pages import actor
from core.staff.state_actions import refusals_told

_HOST = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


class Hosts(forms.CharField):
    """A host a line, as people write them: without https:// and without a path."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Return the list. Raises ValidationError with the line that is no host."""
        hosts = list(dict.fromkeys(str(value or "").lower().split()))
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise forms.ValidationError(_("“%(host)s” is no host, such as shop.example."), params={"host": host})
        return hosts

    def validate(self, value: Any) -> None:
        """None is fine: its offers have no links then."""


class PartnerForm(forms.ModelForm):
    """Hosts are a line each."""

    hosts = Hosts(
        label=_("allowed addresses"),
        required=False,
        help_text=_("One a line, such as shop.example: links in its offers may lead there and to parts of it."),
    )

    owner = forms.EmailField(
        label=_("invite an owner"),
        required=False,
        widget=UnfoldAdminEmailInputWidget,
        help_text=_("Gets a link to join by e-mail, and invites the others."),
    )

    class Meta:
        model = Partner
        fields = ["name", "slug", "is_active", "hosts", "price"]


class PeopleInline(ReadOnlyInline):
    """Who acts for it; invited and removed by its owners, in the portal."""

    model = PartnerMember
    fields = ["user", "role", "joined_at"]
    verbose_name_plural = _("its people")


@admin.register(Partner)
class PartnerAdmin(Undeletable, ModelAdmin):
    """A firm, the addresses its links may lead to, what a delivered message costs it.

    It is made inactive instead of deleted: its offers and its bill stay.
    """

    form = PartnerForm
    list_display = ["name", "slug", "is_active", "price"]
    list_filter = ["is_active"]
    search_fields = ["name", "slug"]
    ordering = ["name"]
    inlines = [PeopleInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Partner | None = None) -> list[str]:
        """The short name stays: it is in keys' names and addresses."""
        return ["slug"] if obj is not None else []

    def save_model(self, request: HttpRequest, obj: Partner, form: Any, change: bool) -> None:
        """Take it on, or note what changed; invite the owner."""
        self._save(request, obj, form, change)
        if form.cleaned_data.get("owner"):
            self._invite(request, obj, form.cleaned_data["owner"])

    def _invite(self, request: HttpRequest, partner: Partner, email: str) -> None:
        with refusals_told(request):
            invitation, token = accounts.invite(
                partner=partner, email=email, role=PartnerMember.Role.OWNER, by=actor(request), now=clock.now()
            )
            transaction.on_commit(lambda: self._send(request, invitation, token))  # the link is good only then

    def _send(self, request: HttpRequest, invitation: Invitation, token: str) -> None:
        if mail.send_invitation(request, of=invitation, token=token):
            told = _("The invitation is on its way to %(email)s.") % {"email": invitation.email}
            messages.success(request, told)
        else:
            messages.error(request, _("The mail could not be sent. Invite the same address again in a minute."))

    def _save(self, request: HttpRequest, obj: Partner, form: Any, change: bool) -> None:
        by, now = actor(request), clock.now()
        if not change:
            made = accounts.create(name=obj.name, slug=obj.slug, hosts=obj.hosts, price=obj.price, by=by, now=now)
            obj.pk, obj.created_at, obj._state.adding = made.pk, made.created_at, False
            if obj.is_active:
                return
        obj.save()
        audit.record(
            by=by,
            action="change_partner",
            subject=f"partner:{obj.pk}",
            details={"changed": form.changed_data},
            now=now,
        )


@admin.register(Category)
class CategoryAdmin(ReadOnlyAdmin):
    """Shipped data: campaigns/data/categories.csv."""

    list_display = ["code", "name_kk", "name_ru", "name_en", "min_age", "is_allowed"]
    ordering = ["code"]
