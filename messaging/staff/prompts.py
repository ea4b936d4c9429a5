"""What calls say, in the back office: recordings uploaded, texts spoken, both listened to."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminFileFieldWidget

from core.lib import clock
from core.lib.errors import Refusal
from core.staff.pages import actor
from messaging.models import IvrPrompt
from messaging.prompts import sounds


class PromptForm(forms.ModelForm):
    """A text and, if there is one, its recording."""

    recording = forms.FileField(
        label=_("Recording"),
        required=False,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": "audio/wav,.wav"}),
        help_text=_(
            "WAV, 16 bits, 8 to 48 kHz, a minute at most; kept as mono at 8 kHz. Without one espeak-ng speaks the text."
        ),
    )

    class Meta:
        model = IvrPrompt
        fields = ("name", "language", "text")

    def clean_recording(self) -> bytes | None:
        """Read no more than a recording may have."""
        upload = self.cleaned_data["recording"]
        if not upload:
            return None
        if upload.size > sounds.MOST_BYTES:
            raise forms.ValidationError(str(sounds.SoundUnfit(_("the file is too large."))))
        try:
            return sounds.telephone_sound(upload.read())
        except Refusal as refusal:
            raise forms.ValidationError(str(refusal), code=refusal.code) from refusal

    def clean(self) -> dict[str, Any]:
        """Say beside the field what publishing would refuse, and speak the text that has no recording."""
        data = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                sounds.check(self.instance, text=data["text"], language=data["language"], recording=data["recording"])
            except Refusal as refusal:
                place = "text" if isinstance(refusal, sounds.TextTaken) else "recording"
                self.add_error(place, forms.ValidationError(str(refusal), code=refusal.code))
        return data


@admin.register(IvrPrompt)
class IvrPromptAdmin(ModelAdmin):
    """Each text in each language; what is said changes with the next call."""

    form = PromptForm
    list_display = ["name", "language", "text", "seconds", "is_synthesized", "uploaded_by", "uploaded_at"]
    list_filter = ["language", "is_synthesized"]
    search_fields = ["name", "text"]
    ordering = ["name", "language"]
    fields = [
        "name",
        "language",
        "text",
        "recording",
        "listen",
        "seconds",
        "is_synthesized",
        "uploaded_by",
        "uploaded_at",
    ]
    readonly_fields = ["listen", "seconds", "is_synthesized", "uploaded_by", "uploaded_at"]

    @admin.display(description=_("listen"))
    def listen(self, prompt: IvrPrompt) -> str:
        """A player; the sound comes when it is asked for."""
        if not prompt.pk or not prompt.sound:
            return "-"
        address = reverse("prompts:sound", args=[prompt.pk])
        return format_html('<audio controls preload="none" src="{}"></audio>', address)

    @admin.display(description=_("seconds"))
    def seconds(self, prompt: IvrPrompt) -> str:
        """How long it takes."""
        return f"{prompt.duration_ms / 1000:.1f}"

    def save_model(self, request: HttpRequest, obj: IvrPrompt, form: PromptForm, change: bool) -> None:
        sounds.publish(obj, recording=form.cleaned_data["recording"], by=actor(request), now=clock.now())

    def delete_model(self, request: HttpRequest, obj: IvrPrompt) -> None:
        """The sound goes too."""
        sounds.withdraw(obj, by=actor(request), now=clock.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[IvrPrompt]) -> None:
        """Each with its sound."""
        for prompt in queryset:
            sounds.withdraw(prompt, by=actor(request), now=clock.now())
