"""The audience builder: a form that reads as a sentence, and beside it how many members that is, as one types (M7)."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from core.access import audit
from core.lib import clock
from core.lib.errors import Refusal
from core.lib.in_order import in_order
from core.staff.pages import StaffRequest, framed, page
from enrollment.audience import definition, registry, selection
from enrollment.audience.condition import Audience, Choice, Field, Number, YesNo
from enrollment.audience.selection import Counts
from enrollment.audience.words import in_words
from enrollment.models import Channel, Purpose, SavedAudience
from messaging import outbox
from messaging.models import MessageClass

_SEE, _ADD, _CHANGE = (f"enrollment.{verb}_savedaudience" for verb in ("view", "add", "change"))
# Why somebody who fits is left out, in words; the codes are selection.count's and allocation.counts'.
WHY: dict[str, str | Promise] = {
    "no_consent": gettext_lazy("have not agreed to this on these channels"),
    "cap_month": gettext_lazy("have had as many this month as they may"),
    "had_it": gettext_lazy("have had these offers already"),
    "no_language": gettext_lazy("read no language the offers are written in"),
    "not_for_them": gettext_lazy("are not of the towns or the age of an offer they have not had"),
    "holdout": gettext_lazy("are held out, to be compared with"),
}


def counted(audience: Audience, *, purpose: Purpose, channels: Sequence[Channel], now: datetime) -> Counts:
    """Count an audience with what always holds: consent on one of the channels (M2), the month's cap (M4, M5)."""
    message_class = MessageClass.OFFER if purpose == Purpose.OFFERS else MessageClass.SURVEY
    with in_order():
        return selection.count(
            audience,
            purpose=purpose,
            channels=channels,
            now=now,
            exclusions=[outbox.over_the_cap(message_class=message_class, now=now)],
        )


def reasons(counts: Counts) -> list[tuple[str, int]]:
    """Who is left out why, in words, most first."""
    told = sorted(counts.excluded.items(), key=lambda item: -item[1])
    return [(str(WHY.get(code, code)), number) for code, number in told]


class AudienceForm(forms.Form):
    """A definition, field by field, as the conditions declare them; definition.parse judges what cannot be together."""

    def __init__(self, data: Any = None, *, initial: dict[str, Any] | None = None) -> None:
        saved = initial or {}
        super().__init__(data, initial={**saved, **_as_answers(saved)})
        for field in registry.fields().values():
            self.fields[_name(field)] = _form_field(field, saved)

    def clean(self) -> dict[str, Any]:
        """Read the definition; `audience` in the result is it."""
        cleaned = super().clean() or {}
        if not self.errors:
            try:
                cleaned["audience"] = definition.parse(_definition(cleaned))
            except Refusal as refusal:
                raise forms.ValidationError(str(refusal)) from refusal
        return cleaned

    @property
    def lines(self) -> list[list[list[tuple[Choice | Number, forms.BoundField]]]]:
        """The lines of the form's sentence: conditions in each, and the fields of each condition."""
        in_lines = sorted((c for c in registry.conditions().values() if c.line), key=lambda c: (c.line, c.place))
        return [
            [[(field, self[field.name]) for field in c.fields if not isinstance(field, YesNo)] for c in conditions]
            for _line, conditions in groupby(in_lines, key=lambda c: c.line)
        ]

    @property
    def of_traits(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The yes-or-no questions by their groups."""
        questions = [field for field in registry.fields().values() if isinstance(field, YesNo)]
        return [
            (str(group), [self[_name(field)] for field in fields])
            for group, fields in groupby(questions, key=lambda field: field.group)
        ]


def _name(field: Field) -> str:
    return f"trait_{field.name}" if isinstance(field, YesNo) else field.name


def _form_field(field: Field, saved: dict[str, Any]) -> Any:
    if isinstance(field, YesNo):
        answers = [("", _("either way")), ("yes", _("yes")), ("no", _("no"))]
        return forms.ChoiceField(label=str(field.label), required=False, choices=answers)
    if isinstance(field, Number):
        number = forms.NumberInput(attrs={"inputmode": "numeric", "aria-label": str(field.label)})
        return forms.IntegerField(
            label=str(field.label), required=False, min_value=0, max_value=field.most, widget=number
        )
    options = list(field.options())
    if field.is_open:
        options = sorted({*options, *((value, value) for value in saved.get(field.name, ()))})
    return forms.MultipleChoiceField(
        label=str(field.label), required=False, choices=options, widget=forms.CheckboxSelectMultiple
    )


def _definition(cleaned: dict[str, Any]) -> dict[str, Any]:
    """The form's values as a definition."""
    said: dict[str, Any] = {"traits": [], "not_traits": []}
    for name, field in registry.fields().items():
        value = cleaned.get(_name(field))
        if not isinstance(field, YesNo):
            said[name] = value
        elif value:
            said["traits" if value == "yes" else "not_traits"].append(name)
    return said


def _as_answers(saved: dict[str, Any]) -> dict[str, str]:
    """A saved definition's yes-or-no questions as the form has them."""
    yes = {f"trait_{code}": "yes" for code in saved.get("traits", ())}
    return yes | {f"trait_{code}": "no" for code in saved.get("not_traits", ())}


class CountForm(forms.Form):
    """What the audience is counted for: it decides whose consent and which cap."""

    purpose = forms.ChoiceField(
        label=gettext_lazy("Counted for"),
        choices=Purpose.choices,
        initial=Purpose.OFFERS,
        widget=forms.RadioSelect,
    )
    channels = forms.MultipleChoiceField(
        label=gettext_lazy("By"),
        choices=Channel.choices,
        initial=[Channel.SMS, Channel.USSD, Channel.IVR],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose a channel to count by.")},
    )


@page(_SEE)
@require_POST  # a definition may be longer than an address; nothing is changed
def count(request: StaffRequest) -> HttpResponse:
    """How many the form's people are, as a piece of the page."""
    form, asked = AudienceForm(request.POST, initial=_unsaved(request)), CountForm(request.POST)
    if not (form.is_valid() and asked.is_valid()):
        wrong = [*_errors(form), *_errors(asked)]
        return render(request, "audiences/count.html", {"errors": wrong})
    audience: Audience = form.cleaned_data["audience"]
    counts = counted(
        audience,
        purpose=Purpose(asked.cleaned_data["purpose"]),
        channels=[Channel(code) for code in asked.cleaned_data["channels"]],
        now=clock.now(),
    )
    context = {"counts": counts, "reasons": reasons(counts), "sentence": in_words(audience)}
    return render(request, "audiences/count.html", context)


def _unsaved(request: StaffRequest) -> dict[str, Any]:
    """So that a saved audience's tariff that no line has any more can still be counted."""
    choices = [field for field in registry.fields().values() if isinstance(field, Choice) and field.is_open]
    return {field.name: request.POST.getlist(field.name) for field in choices}


def _errors(form: forms.Form) -> list[str]:
    """Every error with the name of its place."""
    return [
        f"{form.fields[name].label}: {error}" if name in form.fields and name != "channels" else str(error)
        for name, errors in form.errors.items()
        for error in errors
    ]


class NameForm(forms.ModelForm):
    """The name it is found again by."""

    class Meta:
        model = SavedAudience
        fields = ["name"]


@page(_SEE, _ADD)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    """Build an audience that is not there yet."""
    return _build(request, SavedAudience(), may_save=True)


@page(_SEE)
@require_http_methods(["GET", "HEAD", "POST"])
def one(request: StaffRequest, audience_id: int) -> HttpResponse:
    """Look at a saved audience, or change it; campaigns keep what it was when they were saved."""
    saved = get_object_or_404(SavedAudience, pk=audience_id)
    return _build(request, saved, may_save=request.user.has_perm(_CHANGE))


def _build(request: StaffRequest, saved: SavedAudience, *, may_save: bool) -> HttpResponse:
    posted = request.POST if request.method == "POST" and may_save else None
    form = AudienceForm(posted, initial=saved.definition)
    named = NameForm(posted, instance=saved)
    if posted is not None and form.is_valid() & named.is_valid():
        _save(saved, form.cleaned_data["audience"], request)
        messages.success(request, _("The audience “%(name)s” is saved.") % {"name": saved.name})
        return redirect("audiences:one", saved.pk)
    return framed(
        request,
        "audiences/builder.html",
        title=_("Audience") if saved.pk is None else saved.name,
        form=form,
        named=named,
        asked=CountForm(initial={name: field.initial for name, field in CountForm.base_fields.items()}),
        saved=saved,
        may_save=may_save,
    )


@transaction.atomic
def _save(saved: SavedAudience, audience: Audience, request: StaffRequest) -> None:
    by, now = request.by, clock.now()
    action = "change_audience" if saved.pk else "create_audience"
    if saved.pk is None:
        saved.created_by, saved.created_at = by, now
    saved.definition, saved.changed_at = audience.to_json(), now
    saved.save()
    audit.record(
        by=by, action=action, subject=f"audience:{saved.pk}", details={"definition": saved.definition}, now=now
    )
