"""A row of a file understood as a draft, with everything that is wrong with it."""

import re
from dataclasses import fields
from datetime import date, datetime, timedelta
from typing import Any

from campaigns.models import Offer, Partner
from campaigns.offers.drafts import Catalogue, Draft, DraftProblem, problem, problems
from campaigns.offers.uploads.table import LONGEST_CELL, FileRow
from core.lib.languages import LANGUAGES
from enrollment.models import Channel, Interest
from enrollment.towns import TownMatcher

_FORMS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%d.%m.%y")
_SERIAL = re.compile(r"[34567]\d{4}")  # a spreadsheet's days since 1899-12-30, of the years 1982 to 2119
_FIRST_SERIAL = date(1899, 12, 30)
_PER_CENT = re.compile(r"(\d{1,3})(?:[.,]0+)?\s*%?")
_AGE = re.compile(r"(\d{1,2})\s*\+?")
_APART = re.compile(r"[,;/|\n]")
_EVERYWHERE = {"all", "everywhere", "все", "всё", "везде", "барлығы", "казахстан", "қазақстан", "kazakhstan", "*"}
_CHANNELS = {"смс": "sms", "ussd-push": "ussd", "call": "ivr", "calls": "ivr", "voice": "ivr", "звонок": "ivr",
             "звонки": "ivr", "қоңырау": "ivr"}  # fmt: skip
_DATES = ("valid_from", "valid_to")
_LISTS = ("channels", "interests", "towns")


class RowParser:
    """Understands the rows of one partner's file; made once for it, it knows what stands there already."""

    def __init__(self, partner: Partner, today: date) -> None:
        self.partner = partner
        self.today = today
        self.catalogue = Catalogue()
        self._towns = TownMatcher()
        self._categories = _named(self.catalogue.categories.values())
        self._interests = _named(Interest.objects.all())
        self._standing = PartnersOffers(partner)
        self._rows: dict[str, int] = {}
        self._codes: dict[str, int] = {}

    def understand(self, row: FileRow) -> tuple[Draft, list[DraftProblem], int | None]:
        """Return the draft, what is wrong with it, and the partner's offer that says the same, if any."""
        draft, found = self._draft(row)
        unread = {one.name for one in found}
        found += [
            one
            for one in problems(draft, partner=self.partner, today=self.today, catalogue=self.catalogue)
            if one.name not in unread
        ]
        digest = draft.digest
        known_as = digest + repr([(one.name, one.details) for one in found])
        if (first := self._rows.setdefault(known_as, row.number)) != row.number:
            return draft, [problem("", "same_row", row=first)], None
        same, beside = self._standing.judge(draft, digest)
        found += beside
        if draft.shared_code and (taker := self._codes.setdefault(draft.shared_code, row.number)) != row.number:
            found.append(problem("shared_code", "same_code_row", row=taker))
        return draft, found, same

    def _draft(self, row: FileRow) -> tuple[Draft, list[DraftProblem]]:
        """What the cells say; a cell that says nothing we know is a problem and leaves its field empty."""
        found = [problem(name, code, **_DETAILS.get(code, {})) for name, code in row.wrong.items()]
        given = {name: text for name, text in row.given.items() if name not in row.wrong}
        said: dict[str, Any] = {name: text for name, text in given.items() if name.startswith(("title_", "text_"))}
        said |= {name: given[name] for name in ("phone", "url") if name in given}
        said["category"] = self._categories.get(given.get("category", "").casefold(), given.get("category", "")[:60])
        said["interests"] = self._interests_of(given.get("interests", ""))
        said["channels"] = _channels_of(given.get("channels", ""))
        said["towns"], unknown = self._towns_of(given.get("towns", ""))
        found += [problem("towns", "town_unknown", value=name[:60]) for name in unknown]
        for name, (read, code) in _NUMBERS.items():
            if text := given.get(name, ""):
                if (value := read(text)) is None:
                    found.append(problem(name, code, value=text[:60]))
                else:
                    said[name] = value
        said["discount"] = said.get("discount") or None  # 0 is no discount
        return Draft(**said, **_codes_of(said, given.get("shared_code", ""))), found

    def _interests_of(self, text: str) -> tuple[str, ...]:
        return tuple(sorted({self._interests.get(name.casefold(), name[:60]) for name in _parts(text)}))

    def _towns_of(self, text: str) -> tuple[tuple[str, ...], list[str]]:
        """The towns' codes, none for the whole country, and the names that are no town's."""
        names = _parts(text)
        if len(names) <= 1 and (not names or names[0].casefold() in _EVERYWHERE):
            return (), []
        codes = {name: self._towns.match(name) for name in names}
        return tuple(sorted({code for code in codes.values() if code})), [name for name in codes if not codes[name]]


class PartnersOffers:
    """What a partner's offers say already."""

    def __init__(self, partner: Partner) -> None:
        offers = Offer.objects.filter(partner=partner).exclude(state=Offer.State.ENDED)
        self._by_digest = dict(offers.values_list("digest", "pk"))
        self._codes = set(offers.exclude(shared_code="").values_list("shared_code", flat=True))

    def judge(self, draft: Draft, digest: str) -> tuple[int | None, list[DraftProblem]]:
        """The id of the offer that says exactly this, and what keeps the draft from standing beside them."""
        if same := self._by_digest.get(digest):
            return same, [problem("", "same_offer", offer=same)]
        return None, [problem("shared_code", "shared_code_taken")] if draft.shared_code in self._codes else []


def kept(draft: Draft) -> dict[str, Any]:
    """A draft as JSON keeps it."""
    said = {field.name: getattr(draft, field.name) for field in fields(Draft)}
    return {**said, **{name: said[name] and said[name].isoformat() for name in _DATES}}


def restored(said: dict[str, Any]) -> Draft:
    """The draft that was kept."""
    known = {field.name: said[field.name] for field in fields(Draft)}
    known |= {name: known[name] and date.fromisoformat(known[name]) for name in _DATES}
    return Draft(**{**known, **{name: tuple(known[name]) for name in _LISTS}})


def _named(things: Any) -> dict[str, str]:
    """Codes by code and by each language's name."""
    names = {getattr(thing, f"name_{code}").casefold(): thing.code for thing in things for code in LANGUAGES}
    return names | {thing.code: thing.code for thing in things}


def _parts(text: str) -> list[str]:
    return [part for raw in _APART.split(text) if (part := raw.strip())]


def _channels_of(text: str) -> tuple[str, ...]:
    """In the order that channels always have, those that are not known at the end."""
    named = {_CHANNELS.get(name.casefold(), name.casefold()[:60]) for name in _parts(text)}
    return (*[code for code in Channel.values if code in named], *sorted(named - set(Channel.values)))


def _codes_of(said: dict[str, Any], shared_code: str) -> dict[str, Any]:
    """A code in its column is for all; a text with {code} and no such code asks for one of each member's own."""
    if shared_code:
        return {"codes": Offer.Codes.SHARED.value, "shared_code": shared_code.upper()}
    is_asked = any("{code}" in said.get(f"text_{code}", "") for code in LANGUAGES)
    return {"codes": (Offer.Codes.UNIQUE if is_asked else Offer.Codes.NONE).value}


def read_date(text: str) -> date | None:
    """A date as people and spreadsheets write it, its hour left out; None when it is none."""
    bare = text.split("T")[0].split(" ")[0]
    if _SERIAL.fullmatch(text):
        return _FIRST_SERIAL + timedelta(days=int(text))
    for form in _FORMS:
        try:
            day = datetime.strptime(bare, form).date()
        except ValueError:
            continue
        return day if 2000 <= day.year <= 2199 else None
    return None


def _read_discount(text: str) -> int | None:
    """0 for "0", "0%" and "-"; None for what is no whole number of per cents up to 100."""
    if text in ("-", "–", "—"):
        return 0
    found = _PER_CENT.fullmatch(text)
    return int(found[1]) if found and int(found[1]) <= 100 else None


def _read_age(text: str) -> int | None:
    found = _AGE.fullmatch(text)
    return int(found[1]) if found else None


def _read_uses(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,4}", text) else None


_NUMBERS: dict[str, Any] = {
    "valid_from": (read_date, "no_date"),
    "valid_to": (read_date, "no_date"),
    "discount": (_read_discount, "discount_wrong"),
    "min_age": (_read_age, "age_wrong"),
    "uses": (_read_uses, "uses_wrong"),
}
_DETAILS: dict[str, dict[str, Any]] = {"long_cell": {"most": LONGEST_CELL}}
