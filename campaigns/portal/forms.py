"""The portal's forms. What an offer may say is judged by campaigns.offers.drafts; the form tells it at the field."""

from collections.abc import Iterable
from dataclasses import fields as fields_of
from datetime import date
from itertools import groupby
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.text import capfirst, slugify
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from campaigns.models import Category, Offer, Partner, PartnerClient, PartnerMember
from campaigns.offers import drafts
from campaigns.offers.drafts import Draft, DraftProblem
from core.lib import alphabet
from enrollment.models import Channel, Interest, Town

_DRAFT_FIELDS = {one.name for one in fields_of(Draft)}
_LISTS = ("channels", "interests", "towns")


class Day(forms.DateInput):
    """The browser's own calendar, which speaks ISO whatever the language."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


def _day(label: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=Day, input_formats=["%Y-%m-%d", "%d.%m.%Y"])


def _title(label: Any) -> forms.CharField:
    return forms.CharField(label=label, required=False)


def _text(label: Any) -> forms.CharField:
    return forms.CharField(label=label, required=False, widget=forms.Textarea(attrs={"rows": 4}))


class OfferForm(forms.Form):
    """An offer as a partner writes it down: a Draft, and everything that is wrong with it at its field."""

    title_kk = _title(_("Title in Kazakh"))
    text_kk = _text(_("Text in Kazakh"))
    title_ru = _title(_("Title in Russian"))
    text_ru = _text(_("Text in Russian"))
    title_en = _title(_("Title in English"))
    text_en = _text(_("Text in English"))
    category = forms.ChoiceField(label=_("Category"))
    interests = forms.MultipleChoiceField(
        label=_("For whom is it interesting?"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Nothing chosen: the category decides."),
    )
    towns = forms.MultipleChoiceField(
        label=_("Towns"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Nothing chosen: the whole country."),
    )
    valid_from = _day(_("Valid from"))
    valid_to = _day(_("Valid to, this day included"))
    channels = forms.MultipleChoiceField(
        label=_("Channels"), required=False, choices=Channel.choices, widget=forms.CheckboxSelectMultiple
    )
    discount = forms.IntegerField(label=_("Discount, per cent"), required=False)
    min_age = forms.IntegerField(
        label=_("From what age"), required=False, help_text=_("Empty: as the category demands.")
    )
    codes = forms.ChoiceField(label=_("Codes"), choices=Offer.Codes.choices, widget=forms.RadioSelect)
    shared_code = forms.CharField(
        label=_("The code for all"), required=False, help_text=_("4 to 20 capital letters and digits.")
    )
    uses = forms.IntegerField(label=_("How many times a code redeems"), required=False)
    phone = forms.CharField(label=_("Telephone of the shop"), required=False)
    url = forms.CharField(label=_("Link"), required=False)

    def __init__(self, data: Any = None, *, partner: Partner, today: date, of: Draft | None = None) -> None:
        self.before = of or Draft(channels=("sms",), valid_from=today)
        super().__init__(data, initial=_initial(self.before))
        self.partner, self.today = partner, today
        self._choose("category", [("", "—"), *_categories()])
        self._choose("interests", sorted(((one.code, str(one)) for one in Interest.objects.all()), key=_by_name))
        self._choose("towns", _towns())
        if partner.hosts:
            self.fields["url"].help_text = _("It begins with https:// and leads to: %(hosts)s") % {
                "hosts": ", ".join(partner.hosts)
            }
        else:
            self.fields["url"].help_text = _("No address is agreed with you yet: ask SMART before you use links.")

    def _choose(self, name: str, choices: list[Any]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean_shared_code(self) -> str:
        return str(self.cleaned_data["shared_code"]).upper()

    def clean(self) -> dict[str, Any]:
        """Judge the draft by the programme's rules, all of them at once."""
        cleaned = super().clean() or {}
        self.refuse(drafts.problems(self.draft(cleaned), partner=self.partner, today=self.today))
        return cleaned

    def draft(self, cleaned: dict[str, Any] | None = None) -> Draft:
        """Return what was written down, as far as it can be read."""
        given = {name: value for name, value in (cleaned or self.cleaned_data).items() if name in _DRAFT_FIELDS}
        for name in _LISTS:
            chosen, before = given.get(name) or (), getattr(self.before, name)
            # In the order it had: the same in another order would be an edit, and back to approval.
            given[name] = before if set(chosen) == set(before) else tuple(sorted(chosen))
        for name in ("title_kk", "title_ru", "title_en", "text_kk", "text_ru", "text_en"):
            given[name] = str(given.get(name) or "").replace("\r\n", "\n")
        given["min_age"] = given.get("min_age") or 0
        uses = given.get("uses")
        given["uses"] = 1 if uses is None else uses
        return Draft(**given)

    def refuse(self, problems: Iterable[DraftProblem]) -> None:
        """Put problems to their fields; one that could not be read has been told already."""
        unread = set(self.errors)
        for one in problems:
            name = one.name if one.name in self.fields else None
            if name not in unread:
                self.add_error(name, capfirst(str(one)))


def _initial(draft: Draft) -> dict[str, Any]:
    given = {name: getattr(draft, name) for name in _DRAFT_FIELDS}
    given["min_age"] = draft.min_age or None
    return given | {name: list(given[name]) for name in _LISTS}


def _categories() -> list[tuple[str, str]]:
    """Those that are allowed, with the age they demand."""
    found = Category.objects.filter(is_allowed=True)
    return sorted(((one.code, f"{one} ({one.min_age}+)" if one.min_age else str(one)) for one in found), key=_by_name)


def _towns() -> list[tuple[str, list[tuple[str, str]]]]:
    """By region, as people look for them."""
    towns = Town.objects.select_related("region")
    named = [(_region_name(town), str(town), town.code) for town in towns]
    pairs = sorted(named, key=lambda pair: (alphabet.place(pair[0]), alphabet.place(pair[1])))
    return [(region, [(code, name) for _r, name, code in group]) for region, group in groupby(pairs, lambda p: p[0])]


def _region_name(town: Town) -> str:
    return str(getattr(town.region, f"name_{get_language()}", town.region.name_ru))


def _by_name(choice: tuple[str, str]) -> list[int]:
    return alphabet.place(choice[1])


class InvitationForm(forms.Form):
    """Whom to invite, as what."""

    email = forms.EmailField(label=_("E-mail"), max_length=254)
    role = forms.ChoiceField(label=_("Role"), choices=PartnerMember.Role.choices, initial=PartnerMember.Role.EDITOR)


class RoleForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=PartnerMember.Role.choices)


class JoinForm(forms.Form):
    """The invited person's name and password."""

    name = forms.CharField(label=_("Your name"), max_length=150, widget=forms.TextInput({"autocomplete": "name"}))
    password1 = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=_("At least 12 characters, not your name, not a common one."),
    )
    password2 = forms.CharField(
        label=_("Password, again"), strip=False, widget=forms.PasswordInput({"autocomplete": "new-password"})
    )

    def __init__(self, data: Any = None, *, email: str) -> None:
        super().__init__(data)
        self.email = email

    def clean(self) -> dict[str, Any]:
        """Both passwords are the same, and the rules of passwords are kept."""
        cleaned = super().clean() or {}
        password = cleaned.get("password1")
        if password and cleaned.get("password2") and password != cleaned["password2"]:
            self.add_error("password2", _("You must type the same password each time."))
        if password:
            try:
                validate_password(password, User(email=self.email, first_name=cleaned.get("name", "")))
            except ValidationError as error:
                self.add_error("password1", error)
        return cleaned


class ClientForm(forms.Form):
    """A program of the partner's, and what it may do."""

    name = forms.CharField(label=_("Name of the program"), max_length=24, help_text=_("Such as: till"))
    scopes = forms.MultipleChoiceField(
        label=_("It may"), choices=PartnerClient.Scope.choices, widget=forms.CheckboxSelectMultiple
    )

    def clean_name(self) -> str:
        name = slugify(self.cleaned_data["name"])
        if not name:
            raise ValidationError(_("Use Latin letters and digits."))
        return name


class UploadForm(forms.Form):
    """A file; what is in it is judged by campaigns.offers.uploads."""

    file = forms.FileField(
        label=_("File of offers"),
        allow_empty_file=True,
        help_text=_("CSV or XLSX, 5 MB and 5,000 rows at most."),
        widget=forms.FileInput({"accept": ".csv,.xlsx"}),
    )
