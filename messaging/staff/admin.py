"""The outbox, its texts and its policy in the back office."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from core.access import audit
from core.access.change_kinds import Fields
from core.access.proposing import ProposingAdmin
from core.lib import clock, segments
from core.lib.languages import LANGUAGES
from core.staff.admin import Fixed, ReadOnlyAdmin, WordsFilter
from core.staff.pages import actor
from messaging import kinds, texts
from messaging.changes import sending_policy
from messaging.models import (
    Attempt,
    Message,
    Receipt,
    SendingEpoch,
    SendingPolicy,
    ServiceText,
    Stream,
    TransportHealth,
)
from messaging.staff import prompts

__all__ = ["prompts"]  # registers prompts


class WhyFilter(WordsFilter):
    """By the recorded reason of the state."""

    title, parameter_name, words = _("reason of the state"), "why", kinds.WHY


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """What was said to whom, or why it was not; changed by senders and operations alone."""

    list_display = ["id", "subscriber", "told", "channel", "state", "reason_of_state", "not_before",
                    "submitted_at", "ended_at"]  # fmt: skip
    list_select_related = ["subscriber"]
    list_filter = ["state", "channel", "message_class", "language", WhyFilter]
    search_fields = ["=subscriber__pk", "=pk"]
    ordering = ["-month", "-pk"]

    @admin.display(description=_("kind"), ordering="kind")
    def told(self, message: Message) -> str:
        """What it tells, in words."""
        return message.kind_in_words

    @admin.display(description=_("reason of the state"))
    def reason_of_state(self, message: Message) -> str:
        """Why it waits, or why it did not leave, in words."""
        return str(kinds.WHY.get(message.why, message.why))


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    """Hand-overs, each written before the network heard of it."""

    list_display = [
        "id",
        "its_message",
        "number",
        "transport",
        "gated_at",
        "valid_until",
        "outcome",
        "error",
        "ended_at",
    ]
    list_filter = ["outcome", "transport"]
    search_fields = ["=message_id"]
    ordering = ["-month", "-pk"]

    @admin.display(description=_("id of the message"), ordering="message_id")
    def its_message(self, attempt: Attempt) -> int:
        """The id alone: the message itself is not fetched."""
        return attempt.message_id


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    """What networks said, as it came."""

    list_display = ["id", "transport", "network_id", "status", "error", "received_at", "its_message", "matched_at"]
    list_filter = ["status", "transport"]
    search_fields = ["=message_id", "=network_id"]
    ordering = ["-month", "-pk"]

    @admin.display(description=_("id of the message"), ordering="message_id")
    def its_message(self, receipt: Receipt) -> int | None:
        """The id alone: the message itself is not fetched."""
        return receipt.message_id


class ServiceTextForm(forms.ModelForm):
    """Texts are checked when they are saved: placeholders, characters, length; the place is named."""

    class Meta:
        model = ServiceText
        fields = ["is_on", "channel", "text_kk", "text_ru", "text_en"]

    def clean(self) -> dict[str, Any]:
        """Check each language's text."""
        given = super().clean() or {}
        message = kinds.SERVICE.get(self.instance.kind)
        allowed = message.placeholders if message else ()
        for name in ("text_kk", "text_ru", "text_en"):
            try:
                given[name] = texts.check(given.get(name) or "", placeholders=allowed)
            except texts.BadText as refusal:
                self.add_error(name, str(refusal))
        return given


@admin.register(ServiceText)
class ServiceTextAdmin(Fixed, ModelAdmin):
    """What the programme says of itself; kinds are the code's, texts are marketing's.

    A kind without code that says it would never be sent; one that is not wanted is switched off.
    """

    form = ServiceTextForm
    list_display = ["told", "is_on", "channel", "text_ru", "sizes"]
    readonly_fields = ["told", "announced", "placeholders", "sizes"]
    fields = ["told", "announced", "placeholders", "is_on", "channel", "text_kk", "text_ru", "text_en", "sizes"]
    ordering = ["kind"]

    @admin.display(description=_("kind"), ordering="kind")
    def told(self, template: ServiceText) -> str:
        """What it tells, in words."""
        return str(template)

    @admin.display(description=_("placeholders"))
    def placeholders(self, template: ServiceText) -> str:
        """What the text may name."""
        message = kinds.SERVICE.get(template.kind)
        return ", ".join("{" + name + "}" for name in message.placeholders) if message else "—"

    @admin.display(description=_("announced"))
    def announced(self, template: ServiceText) -> str:
        """When it is put into the outbox."""
        message = kinds.SERVICE.get(template.kind)
        return str(message.announced) if message else "—"

    @admin.display(description=_("encoding and segments"))
    def sizes(self, template: ServiceText) -> str:
        """How the texts travel, as they stand."""
        measured = {name: segments.measure(getattr(template, f"text_{name}")) for name in LANGUAGES}
        return ", ".join(f"{name} {encoding} × {count}" for name, (encoding, count) in measured.items())

    def save_model(self, request: HttpRequest, obj: ServiceText, form: Any, change: bool) -> None:
        """Save, and record what changed."""
        super().save_model(request, obj, form, change)
        audit.record(
            by=actor(request),
            action="change_service_text",
            subject=f"service_text:{obj.kind}",
            details={"changed": form.changed_data},
            now=clock.now(),
        )


class PolicyForm(forms.ModelForm):
    """Days are ticked, holidays are typed as dates, comma-separated."""

    weekdays = forms.TypedMultipleChoiceField(
        label=_("Days"),
        choices=SendingPolicy.Weekday.choices,
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked: every day."),
    )

    class Meta:
        model = SendingPolicy
        fields = ["opens", "closes", "weekdays", "holidays", "offers_a_month", "offers_a_day", "surveys_a_month"]
        help_texts = {"holidays": _("Days without messages, as 2026-12-16, comma-separated.")}


@admin.register(SendingPolicy)
class SendingPolicyAdmin(Fixed, ProposingAdmin):
    """One row, without which nothing is sent: window, days and caps; narrower than the rules, never wider."""

    form = PolicyForm
    list_display = ["__str__", "is_paused", "offers_a_month", "offers_a_day", "surveys_a_month"]
    change_kind = "sending_policy"

    def subject_of(self, obj: SendingPolicy) -> str:
        """There is one."""
        return sending_policy.SUBJECT

    def fields_of(self, obj: SendingPolicy, formsets: list[Any]) -> Fields:
        """What the form asks for: all but the pause, which the sending page switches."""
        fields = sending_policy.fields_of(obj)
        return {name: fields[name] for name in PolicyForm.Meta.fields}


@admin.register(Stream)
class StreamAdmin(Fixed, ModelAdmin):
    """Pace, pause, and what happens to what is late; made by what sends through it, named by messages."""

    list_display = ["told", "message_class", "rate_per_minute", "is_carried", "is_paused"]
    list_filter = ["message_class", "is_paused"]
    fields = ["told", "message_class", "rate_per_minute", "is_carried", "is_paused"]
    readonly_fields = ["told", "message_class"]
    ordering = ["message_class", "code"]

    @admin.display(description=_("stream"), ordering="code")
    def told(self, stream: Stream) -> str:
        """What it carries, in words where it is the programme's own."""
        return str(stream)


@admin.register(SendingEpoch)
class SendingEpochAdmin(ReadOnlyAdmin):
    """Confirmed by `manage.py confirm_sending`, on the machine, by a person."""

    list_display = ["id", "confirmed_at", "confirmed_by", "reason"]
    ordering = ["-pk"]


@admin.register(TransportHealth)
class TransportHealthAdmin(ReadOnlyAdmin):
    """What each sender last said."""

    list_display = ["name", "kind", "is_up", "in_flight", "window", "rate", "errors", "last_error", "touched_at"]
    ordering = ["name"]
