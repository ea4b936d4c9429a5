"""The forms a survey is set up with, each "no" told at its field."""

from itertools import permutations
from typing import Any

from django import forms
from django.utils import translation
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from bonuses import lifecycle as bonuses
from campaigns.models import Partner
from core.lib import astana, clock
from core.lib.languages import LANGUAGES
from enrollment.models import Channel, Language, Subscriber
from messaging import texts
from surveys.fieldwork import lifecycle
from surveys.models import Quota, Survey
from surveys.questionnaire import flow, scripts

State = Survey.State
CHANGEABLE = ("name", "ends_at", "rate_per_minute", "remind_after_days")  # after the launch
MOVING = (State.SCHEDULED, State.RUNNING, State.PAUSED)


def usual_words(language: str) -> str:
    """What an invitation says in a language when nothing else is written."""
    with translation.override(language):
        return _('SMART survey "{title}": {units} units for your answers.')


def units_in_force() -> int | None:
    """What the terms give for a survey this month; None where there are no terms."""
    try:
        return bonuses.terms_for(bonuses.Kind.SURVEY, astana.month_of(clock.now())).units
    except bonuses.NoTerms:
        return None


def _orders() -> list[tuple[str, str]]:
    """Every order of channels, as a sentence."""
    return [
        (" ".join(order), _(", else ").join(str(Channel(code).label) for code in order))
        for count in range(1, len(Channel.values) + 1)
        for order in permutations(Channel.values, count)
    ]


def _genders() -> list[tuple[str, Any]]:
    """Those to choose from; who is of no known gender counts where every gender does."""
    return [("", _("every gender")), *((code, label) for code, label in Subscriber.Gender.choices if code)]


class TimesForm(forms.ModelForm):
    """What may be changed of a launched survey too, held to what the database would refuse."""

    class Meta:
        model = Survey
        fields = list(CHANGEABLE)
        help_texts = {
            "ends_at": gettext_lazy("Astana time. From then on nobody answers, and what has not left is cancelled."),
        }

    def clean(self) -> dict[str, Any]:
        """Tell at its field what cannot be."""
        given = super().clean() or {}
        starts, ends = given.get("starts_at") or self.instance.starts_at, given.get("ends_at")
        if ends and starts and ends <= starts:
            self.add_error("ends_at", _("It ends before it starts."))
        elif ends and ends <= clock.now():
            self.add_error("ends_at", _("This is over already."))
        elif ends and self.instance.launched_at and ends < self.instance.ends_at:
            self.add_error("ends_at", _("It is launched: its end may only be later."))
        for name in ("rate_per_minute", "remind_after_days", "reward_units"):
            if given.get(name) == 0:
                self.add_error(name, _("At least one, or empty."))
        return given


class SurveyForm(TimesForm):
    """Instants are Astana time; the audience is copied from a saved one."""

    languages = forms.MultipleChoiceField(
        label=gettext_lazy("Languages asked in"),
        choices=Language.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy("Who reads another language is not invited, and answers in the first of these."),
    )
    channels = forms.ChoiceField(
        label=gettext_lazy("Channels, in order"),
        choices=_orders,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("The first that the member agreed to is taken."),
    )
    sponsor = forms.ModelChoiceField(
        label=gettext_lazy("Sponsor"),
        queryset=Partner.objects.order_by("name"),
        empty_label=gettext_lazy("nobody: the survey is our own"),
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("The partner whom the results are for."),
    )

    class Meta(TimesForm.Meta):
        fields = [
            "name", "title_kk", "title_ru", "title_en", "languages", "invitation_kk", "invitation_ru", "invitation_en",
            "saved_audience", "channels", "starts_at", "ends_at", "rate_per_minute", "remind_after_days",
            "reward_units", "rewards_full", "fast_seconds", "sponsor",
        ]  # fmt: skip
        widgets = {f"invitation_{code}": UnfoldAdminTextareaWidget(attrs={"rows": 3}) for code in LANGUAGES}
        help_texts = {
            **TimesForm.Meta.help_texts,
            "saved_audience": gettext_lazy("Copied when the survey is saved: a later change of it changes nothing."),
            "starts_at": gettext_lazy("Astana time. Messages leave between 10:00 and 21:00."),
            "title_kk": gettext_lazy("What members see in the list of surveys and in the invitation."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "saved_audience" in self.fields:  # not when the survey is launched or only looked at
            self.fields["saved_audience"].required = True
            self.initial["channels"] = " ".join(self.instance.channels or Channel.values[:2])
            self.initial["languages"] = self.instance.languages or list(LANGUAGES)
            self._tell_what_empty_means()

    def _tell_what_empty_means(self) -> None:
        for code in LANGUAGES:
            self.fields[f"invitation_{code}"].help_text = _(
                "Empty: “%(usual)s” {title} and {units} are filled in; how to answer is added."
            ) % {"usual": usual_words(code)}
        units = units_in_force()
        self.fields["reward_units"].help_text = (
            _("Empty: as the terms in force say, now %(units)s units.") % {"units": units}
            if units is not None
            else _("No terms say what a survey is worth this month: give a figure.")
        )

    def clean_channels(self) -> list[str]:
        """As the model has them."""
        return str(self.cleaned_data["channels"]).split()

    def clean(self) -> dict[str, Any]:
        """Also what would be wrong in a message."""
        given = super().clean()
        if "fast_seconds" in given and not 0 <= (given["fast_seconds"] or 0) <= 600:
            self.add_error("fast_seconds", _("From 0 to 600 seconds."))
        self._check_published(given)
        for code in given.get("languages") or []:
            if not given.get(f"title_{code}"):
                self.add_error(f"title_{code}", _("The survey is asked in this language: give it a title."))
        for code in LANGUAGES:
            self._check_invitation(f"invitation_{code}", given)
        return given

    def _check_published(self, given: dict[str, Any]) -> None:
        """The questions that are published must be written in every language they will be asked in."""
        version = lifecycle.current(self.instance) if self.instance.pk else None
        if version is None or not given.get("languages"):
            return
        wrong = flow.problems(scripts.of(version), languages=given["languages"])
        if wrong:
            told = "; ".join(str(one) for one in wrong)
            self.add_error("languages", _("The published questions do not allow it: %(what)s.") % {"what": told})

    def _check_invitation(self, name: str, given: dict[str, Any]) -> None:
        text = (given.get(name) or "").strip()
        if not text:
            return
        try:
            given[name] = texts.check(text, placeholders=("title", "units"))
        except texts.BadText as wrong:
            self.add_error(name, capfirst(str(wrong)))


class QuotaForm(forms.ModelForm):
    """One kind of people, and how many answers of it are wanted."""

    gender = forms.ChoiceField(
        label=gettext_lazy("Gender"), choices=_genders, required=False, widget=UnfoldAdminSelectWidget
    )

    class Meta:
        model = Quota
        fields = ["town", "age_from", "age_to", "gender", "wanted"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():  # the table's heads are no labels
            select: Any = getattr(field.widget, "widget", field.widget)  # a town's is wrapped
            select.attrs["aria-label"] = capfirst(str(field.label or ""))

    def clean(self) -> dict[str, Any]:
        """What the database would refuse."""
        given = super().clean() or {}
        low, high = given.get("age_from"), given.get("age_to")
        if low is not None and high is not None and low > high:
            self.add_error("age_to", _("It ends before it begins."))
        if given.get("wanted") == 0:
            self.add_error("wanted", _("At least 1."))
        return given
