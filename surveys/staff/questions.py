"""The forms of a question: its words, its choices or ranges, where each leads and what it tells about a member.

A draft may be saved unfinished: only what the database cannot hold is refused here, the rest questionnaire.flow tells.
"""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.lib.languages import LANGUAGES
from enrollment.models import Language
from surveys.models import Question
from surveys.questionnaire import flow
from surveys.staff.question_context import Place

Kind = Question.Kind
MOST_ROWS = 60
CHOSEN, RANGED = (Kind.SINGLE, Kind.SEVERAL), (Kind.NUMBER, Kind.SCALE)
SCALES = [(f"{low}-{high}", f"{low}–{high}") for low, high in flow.SCALES]


class QuestionForm(forms.Form):
    """The question itself."""

    kind = forms.ChoiceField(label=gettext_lazy("How it is answered"), choices=Kind.choices, initial=Kind.SINGLE)
    text_kk = forms.CharField(max_length=400, required=False)
    text_ru = forms.CharField(max_length=400, required=False)
    text_en = forms.CharField(max_length=400, required=False)
    low = forms.IntegerField(label=gettext_lazy("Smallest number"), required=False)
    high = forms.IntegerField(label=gettext_lazy("Largest number"), required=False)
    scale = forms.ChoiceField(label=gettext_lazy("Scale"), choices=SCALES, required=False, initial=SCALES[0][0])
    then = forms.ChoiceField(label=gettext_lazy("Otherwise it leads to"), required=False)
    is_screening = forms.BooleanField(
        label=gettext_lazy("A screening question: its answers may end the survey as not eligible"), required=False
    )

    def __init__(self, *args: Any, place: Place, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["then"].choices = place.targets  # type: ignore[attr-defined]
        for code in LANGUAGES:
            self.fields[f"text_{code}"].label = str(Language(code).label)
            self.fields[f"text_{code}"].widget = forms.Textarea(attrs={"rows": 3, "maxlength": 400, "lang": code})
        self._asked_as = kind
        for name in ("low", "high"):
            self.fields[name].required = kind == Kind.NUMBER

    def clean(self) -> dict[str, Any]:
        """Read the range of what has one."""
        given = super().clean() or {}
        if self._asked_as == Kind.SCALE:
            least, _dash, most = str(given.get("scale") or SCALES[0][0]).partition("-")
            given["low"], given["high"] = int(least), int(most)
        elif self._asked_as != Kind.NUMBER:
            given["low"] = given["high"] = None
        low, high = given.get("low"), given.get("high")
        if low is not None and high is not None:
            if low >= high:
                self.add_error("high", _("It must be greater than the smallest."))
            elif not (low >= 0 and high <= flow.LARGEST):
                self.add_error("high", _("Numbers from 0 to %(most)s can be asked for.") % {"most": flow.LARGEST})
        return given


class RowForm(forms.Form):
    """A choice, a range of numbers, or yes and no."""

    value = forms.IntegerField(required=False, min_value=1, max_value=MOST_ROWS, widget=forms.HiddenInput)
    text_kk = forms.CharField(max_length=80, required=False)
    text_ru = forms.CharField(max_length=80, required=False)
    text_en = forms.CharField(max_length=80, required=False)
    low = forms.IntegerField(label=gettext_lazy("from, inclusive"), required=False)
    high = forms.IntegerField(label=gettext_lazy("to, inclusive"), required=False)
    then = forms.ChoiceField(label=gettext_lazy("leads to"), required=False)
    tells = forms.ChoiceField(label=gettext_lazy("tells about the member"), required=False)
    interest = forms.ChoiceField(label=gettext_lazy("shows an interest in"), required=False)

    def __init__(self, *args: Any, place: Place, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (("then", place.targets), ("tells", place.facts), ("interest", place.interests)):
            self.fields[name].choices = choices  # type: ignore[attr-defined]
        for code in LANGUAGES:
            self.fields[f"text_{code}"].label = str(Language(code).label)
            self.fields[f"text_{code}"].widget.attrs["lang"] = code
        for name in ("low", "high"):
            self.fields[name].required = kind in RANGED

    def clean(self) -> dict[str, Any]:
        """Hold a range in order."""
        given = super().clean() or {}
        low, high = given.get("low"), given.get("high")
        if low is not None and high is not None and low > high:
            self.add_error("high", _("It ends before it begins."))
        return given
