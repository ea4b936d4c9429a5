"""What is wrong with an upload and what was understood of it, in the reader's language."""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from campaigns.models import Category, Offer, Upload, UploadRow
from campaigns.offers.drafts import Draft, problem
from campaigns.offers.uploads.parsing import restored
from core.lib.languages import LANGUAGES
from enrollment.models import Channel, Interest
from enrollment.towns import load_towns

# Why nothing is made of a whole file: the codes of table.Unreadable and of uploads.deciding.
REFUSALS: dict[str, str | Promise] = {
    "too_large": _("the file is larger than %(most)s MB"),
    "too_large_unpacked": _("unpacked, the file is larger than %(most)s MB"),
    "too_many_rows": _("the file has more than %(most)s rows"),
    "too_many_columns": _("the file has more than %(most)s columns"),
    "too_much_memory": _("reading the file takes too much memory: make it smaller"),
    "too_slow": _("reading the file takes too long: make it smaller"),
    "reader_died": _("the file could not be read to its end"),
    "given_up": _("the file could not be read: tell us, we look into it"),
    "lost": _("the file is not there any more: upload it again"),
    "empty": _("the file is empty"),
    "no_rows": _("the file has headings and no rows"),
    "no_headings": _("the first row has no headings that are known: take those of the template"),
    "unknown_headings": _("these headings are not known: %(names)s; take those of the template"),
    "headings_twice": _("these headings stand twice: %(names)s"),
    "missing_headings": _("these headings are missing: %(names)s"),
    "old_excel": _("this is an old or a protected Excel file: save it as XLSX without a password"),
    "no_workbook": _("this is no XLSX file, or a damaged one"),
    "no_text_file": _("this is neither a table as text nor XLSX"),
    "bad_encoding": _("the letters cannot be read: save the file as UTF-8"),
    "entities": _("the file holds definitions that no spreadsheet program writes"),
    "discarded": _("you discarded it"),
    "abandoned": _("nobody decided about it for %(days)s days: upload it again if you want its offers"),
    # Why a confirmed one came back.
    "outdated": _("%(rows)s rows have become wrong since they were shown. Nothing was imported: look at them again."),
    "not_imported": _("The offers could not be made, none was. Confirm again; if that does not help, tell us."),
}
# Sentences that do not say themselves what they are about.
_SAY_NO_FIELD = {"no_date", "bad_text", "long_title", "code_nowhere", "code_without", "formula", "long_cell",
                 "bad_cell", "quotes"}  # fmt: skip


def packed(code: str, details: Mapping[str, Any]) -> str:
    """A refusal as Upload.refusal keeps it: the code and what its sentence needs."""
    short = {name: value[:120] if isinstance(value, str) else value for name, value in details.items()}
    return json.dumps([code, short], ensure_ascii=False)


def refusal_in_words(upload: Upload) -> str:
    """Why nothing was made of the file, or why it waits for a decision again; "" when neither is so."""
    if not upload.refusal:
        return ""
    code, details = json.loads(upload.refusal)
    return str(REFUSALS[code]) % details if details else str(REFUSALS[code])


def problems_in_words(row: UploadRow) -> list[str]:
    """What is wrong with a row, as "row 4: valid to 2026-11-05 is before valid from 2026-12-05"."""
    return [
        gettext("row %(row)s: %(what)s") % {"row": row.number, "what": _sentence(name, code, details)}
        for name, code, details in row.errors
    ]


def _sentence(name: str, code: str, details: dict[str, Any]) -> str:
    # What a text may not hold is kept as its msgid.
    what = details.get("what")
    sentence = str(problem(name, code, **(details if what is None else {**details, "what": gettext(what)})))
    return f"{label_of(name)}: {sentence}" if name and code in _SAY_NO_FIELD else sentence


def label_of(name: str) -> str:
    """What people call a field of an offer."""
    try:
        return str(Offer._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
    except FieldDoesNotExist:
        return name


class CatalogueNames:
    """What categories and interests are called in the active language, read once for a page of rows."""

    def __init__(self) -> None:
        self.categories = {category.code: str(category) for category in Category.objects.all()}
        self.interests = {interest.code: str(interest) for interest in Interest.objects.all()}
        self.towns = {town.code: str(getattr(town, f"name_{get_language()}", town.name_ru)) for town in load_towns()}

    def listed(self, names: Mapping[str, str], codes: Iterable[str]) -> str:
        """The codes' names, a comma between; what has no name is told as it stands."""
        return ", ".join(names.get(code, code) for code in codes)


def understood_in_words(row: UploadRow, *, names: CatalogueNames | None = None) -> list[tuple[str, str]]:
    """What was understood of a row, as pairs of a label and a value; what it does not say is left out."""
    draft, known = restored(row.understood), names or CatalogueNames()
    told = [
        (name, getattr(draft, name)) for language in LANGUAGES for name in (f"title_{language}", f"text_{language}")
    ]
    told += [
        ("category", known.listed(known.categories, [draft.category])),
        ("towns", _towns(draft, row, known)),
        ("interests", known.listed(known.interests, draft.interests)),
        ("valid_from", _day(draft.valid_from)),
        ("valid_to", _day(draft.valid_to)),
        ("discount", f"{draft.discount} %" if draft.discount else ""),
        ("channels", known.listed({code: str(label) for code, label in Channel.choices}, draft.channels)),
        ("min_age", f"{draft.min_age}+" if draft.min_age else ""),
        ("codes", _codes(draft)),
        ("uses", str(draft.uses) if draft.uses != 1 else ""),
        ("phone", draft.phone),
        ("url", draft.url),
    ]
    return [(label_of(name), value) for name, value in told if value]


def _towns(draft: Draft, row: UploadRow, known: CatalogueNames) -> str:
    """No town means every one, unless none was understood."""
    if draft.towns or any(name == "towns" for name, _code, _details in row.errors):
        return known.listed(known.towns, draft.towns)
    return gettext("the whole country")


def _day(day: date | None) -> str:
    return date_format(day, "DATE_FORMAT") if day else ""


def _codes(draft: Draft) -> str:
    if draft.codes == Offer.Codes.NONE:
        return ""
    kind = str(Offer.Codes(draft.codes).label)
    return f"{kind}: {draft.shared_code}" if draft.shared_code else kind
