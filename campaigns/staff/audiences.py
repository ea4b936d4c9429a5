"""The audience builder: a form that reads as a sentence, and beside it how many members that is, as one types (M7)."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from core.access import audit
from core.lib import alphabet, clock
from core.lib.errors import Refusal
from core.lib.in_order import in_order
from core.staff.pages import framed, page
from enrollment.audience import definition, selection, traits
from enrollment.audience.definition import MOST_MONTHS, OLDEST, Audience
from enrollment.audience.selection import Counts
from enrollment.audience.words import in_words
from enrollment.models import Channel, Fact, Interest, Language, Purpose, Region, SavedAudience, Subscriber, Town
from messaging import outbox
from messaging.models import MessageClass

_SEE, _ADD, _CHANGE = (f"enrollment.{verb}_savedaudience" for verb in ("view", "add", "change"))
_TARIFFS_FRESH_SECONDS = 600
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


def _many(label: Any) -> Any:
    return forms.MultipleChoiceField(label=label, required=False, widget=forms.CheckboxSelectMultiple)


def _number(label: Any, most: int) -> Any:
    return forms.IntegerField(label=label, required=False, min_value=0, max_value=most)


class AudienceForm(forms.Form):
    """A definition, field by field; what cannot be together is judged by enrollment.audience.definition."""

    towns = _many(gettext_lazy("towns"))
    regions = _many(gettext_lazy("regions"))
    languages = _many(gettext_lazy("languages"))
    genders = _many(gettext_lazy("gender"))
    age_from = _number(gettext_lazy("youngest age"), OLDEST)
    age_to = _number(gettext_lazy("oldest age"), OLDEST)
    interests = _many(gettext_lazy("interests"))
    tariffs = _many(gettext_lazy("tariffs"))
    months_from = _number(gettext_lazy("fewest months of membership"), MOST_MONTHS)
    months_to = _number(gettext_lazy("most months of membership"), MOST_MONTHS)
    facts = _many(gettext_lazy("answers in surveys"))

    def __init__(self, data: Any = None, *, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial={**(initial or {}), **_as_choices(initial or {})})
        for name, choices in _choices(initial or {}).items():
            self.fields[name].choices = choices  # type: ignore[attr-defined]
        for trait in traits.known().values():
            self.fields[_TRAIT + trait.code] = forms.ChoiceField(
                label=str(trait.label),
                required=False,
                choices=[("", _("either way")), ("yes", _("yes")), ("no", _("no"))],
            )

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
    def of_traits(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The yes-or-no questions by their groups."""
        known = list(traits.known().values())
        return [
            (str(group), [self[_TRAIT + trait.code] for trait in them])
            for group, them in groupby(known, key=lambda trait: trait.group)
        ]


_TRAIT = "trait_"


def _definition(cleaned: dict[str, Any]) -> dict[str, Any]:
    """The fields as a definition: what each trait was answered goes to those asked for or those excluded."""
    said = {name: value for name, value in cleaned.items() if not name.startswith(_TRAIT)}
    for name, answer in (("traits", "yes"), ("not_traits", "no")):
        said[name] = [code for code in traits.known() if cleaned.get(_TRAIT + code) == answer]
    return said


def _as_choices(saved: dict[str, Any]) -> dict[str, str]:
    """A saved definition's traits as the answers of the form."""
    yes = {_TRAIT + code: "yes" for code in saved.get("traits", ())}
    return yes | {_TRAIT + code: "no" for code in saved.get("not_traits", ())}


def _choices(saved: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """What may be ticked, by name as the reader reads it; what was saved stays, though no line has it any more."""
    tariffs = {*_tariffs(), *saved.get("tariffs", ())}
    return {
        "towns": _named((town.code, str(town)) for town in Town.objects.all()),
        "regions": _named((region.code, _name_of(region)) for region in Region.objects.all()),
        "languages": [(code, str(label)) for code, label in Language.choices],
        "genders": [(code, str(label)) for code, label in Subscriber.Gender.choices],
        "interests": _named((interest.code, str(interest)) for interest in Interest.objects.all()),
        "tariffs": [(tariff, tariff) for tariff in sorted(tariffs)],
        "facts": [
            (f"{fact.code}={value}", f"{fact.label}: {value}")
            for fact in Fact.objects.order_by("label")
            for value in fact.values
        ],
    }


def _named(choices: Any) -> list[tuple[str, str]]:
    return sorted(choices, key=lambda choice: alphabet.place(choice[1]))


def _name_of(region: Region) -> str:
    return str(getattr(region, f"name_{get_language()}", region.name_ru))


def _tariffs() -> list[str]:
    """The tariffs there are: they change with the directory, so a scan of it every ten minutes is enough."""
    found: list[str] | None = cache.get("audience_tariffs")
    if found is None:
        found = list(Subscriber.objects.exclude(tariff="").values_list("tariff", flat=True).distinct())
        cache.set("audience_tariffs", found, _TARIFFS_FRESH_SECONDS)
    return found


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
def count(request: HttpRequest) -> HttpResponse:
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


def _unsaved(request: HttpRequest) -> dict[str, Any]:
    """So that a saved audience's tariff that no line has any more can still be counted."""
    return {"tariffs": request.POST.getlist("tariffs")}


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
def new(request: HttpRequest) -> HttpResponse:
    """Build an audience that is not there yet."""
    return _build(request, SavedAudience(), may_save=True)


@page(_SEE)
@require_http_methods(["GET", "HEAD", "POST"])
def one(request: HttpRequest, audience_id: int) -> HttpResponse:
    """Look at a saved audience, or change it; campaigns keep what it was when they were saved."""
    saved = get_object_or_404(SavedAudience, pk=audience_id)
    return _build(request, saved, may_save=request.user.has_perm(_CHANGE))


def _build(request: HttpRequest, saved: SavedAudience, *, may_save: bool) -> HttpResponse:
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
def _save(saved: SavedAudience, audience: Audience, request: HttpRequest) -> None:
    by, now = f"staff:{request.user.get_username()}", clock.now()
    action = "change_audience" if saved.pk else "create_audience"
    if saved.pk is None:
        saved.created_by, saved.created_at = by, now
    saved.definition, saved.changed_at = audience.to_json(), now
    saved.save()
    audit.record(
        by=by, action=action, subject=f"audience:{saved.pk}", details={"definition": saved.definition}, now=now
    )
