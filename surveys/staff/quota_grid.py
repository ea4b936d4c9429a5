"""Quotas for many kinds of people at once: every chosen town with every age band and gender, so many answers each."""

from collections.abc import Sequence
from itertools import product
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from core.access import audit
from core.lib import alphabet, clock
from core.lib.numbers import whole
from core.staff.pages import StaffRequest, framed, page
from enrollment.models import Subscriber, Town
from surveys.models import Quota, Survey
from surveys.staff.common import SEE, survey_or_404

MOST_CELLS = 400
OLDEST = 120
_ADD = "surveys.add_quota"


class CellsForm(forms.Form):
    """What is crossed with what; a part left empty is not told apart by."""

    towns = forms.MultipleChoiceField(label=gettext_lazy("Towns"), required=False, widget=forms.CheckboxSelectMultiple)
    bands = forms.CharField(
        label=gettext_lazy("Ages"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("Bands apart by commas: 18-24, 25-34, 35+"),
    )
    genders = forms.MultipleChoiceField(
        label=gettext_lazy("Gender"),
        required=False,
        choices=[(code, label) for code, label in Subscriber.Gender.choices if code],
        widget=forms.CheckboxSelectMultiple,
    )
    wanted = forms.IntegerField(label=gettext_lazy("Answers wanted of each"), min_value=1, max_value=1_000_000)
    replaces = forms.BooleanField(label=gettext_lazy("Instead of the quotas there are"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["towns"].choices = [  # type: ignore[attr-defined]
            (str(town.pk), str(town)) for town in sorted(Town.objects.all(), key=lambda town: alphabet.place(str(town)))
        ]

    def clean_bands(self) -> list[tuple[int | None, int | None]]:
        """Read "18-24, 25+" as pairs of whole years, both ends included."""
        return [_band(one.strip()) for one in self.cleaned_data["bands"].split(",") if one.strip()]

    def clean(self) -> dict[str, Any]:
        """Count what it would make."""
        given = super().clean() or {}
        if not self.errors:
            given["cells"] = list(
                product(given["towns"] or [None], given["bands"] or [(None, None)], given["genders"] or [""])
            )
            if len(given["cells"]) > MOST_CELLS:
                self.add_error(None, _("That makes %(cells)s quotas; %(most)s at most.") % {
                    "cells": len(given["cells"]), "most": MOST_CELLS
                })  # fmt: skip
        return given


def _band(text: str) -> tuple[int | None, int | None]:
    """Raises ValidationError."""
    low, dash, high = (part.strip() for part in text.replace("–", "-").partition("-"))
    if text.endswith("+") and not dash:
        low, high = text[:-1].strip(), ""
    elif not dash:
        high = low
    ages = [age if (age := whole(part)) is not None and age <= OLDEST else None for part in (low, high)]
    if ages[0] is None or (high and (ages[1] is None or ages[1] < ages[0])):
        raise forms.ValidationError(_("“%(band)s” is no band of ages: write 18-24 or 35+.") % {"band": text[:20]})
    return ages[0], ages[1]


@page(SEE, _ADD)
@require_http_methods(["GET", "HEAD", "POST"])
def fill(request: StaffRequest, survey_id: int) -> HttpResponse:
    """The form, and when it is posted the quotas of a draft."""
    survey = survey_or_404(survey_id)
    if survey.state != Survey.State.DRAFT:
        messages.error(request, _("The survey is launched: its quotas can no longer be changed."))
        return redirect("survey:page", survey.pk)
    form = CellsForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        made = _make(survey, form.cleaned_data, request)
        if made is None:
            messages.error(request, _("The survey is launched: its quotas can no longer be changed."))
        else:
            messages.success(request, _("Quotas made: %(count)s.") % {"count": made})
        return redirect("survey:page", survey.pk)
    return framed(
        request, "surveys/cells.html", title=_("Quotas for many kinds"), status=422 if form.errors else 200,
        survey=survey, form=form, present=survey.quotas.count(),
    )  # fmt: skip


@transaction.atomic
def _make(survey: Survey, given: dict[str, Any], request: StaffRequest) -> int | None:
    """Make the quotas that are not there yet; return how many, None when the survey was launched meanwhile."""
    locked = Survey.objects.select_for_update(of=["self"]).get(pk=survey.pk)
    if locked.state != Survey.State.DRAFT:
        return None
    if given["replaces"]:
        locked.quotas.all().delete()
    there = set(locked.quotas.values_list("town_id", "age_from", "age_to", "gender"))
    wanted = _quotas(locked, given["cells"], given["wanted"])
    made = [one for one in wanted if (one.town_id, one.age_from, one.age_to, one.gender) not in there]
    Quota.objects.bulk_create(made)
    audit.record(
        by=request.by,
        action="create_survey_quotas",
        subject=f"survey:{survey.pk}",
        details={"made": len(made), "replaced": given["replaces"]},
        now=clock.now(),
    )
    return len(made)


def _quotas(survey: Survey, cells: Sequence[Any], wanted: int) -> list[Quota]:
    return [
        Quota(
            survey=survey, town_id=int(town) if town else None, age_from=low, age_to=high, gender=gender, wanted=wanted
        )
        for town, (low, high), gender in dict.fromkeys(cells)
    ]
