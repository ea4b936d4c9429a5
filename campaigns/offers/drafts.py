"""What an offer may say: one list of rules for the form, the file and the API. All that is wrong is told at once."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.models import Category, Offer, Partner
from core.lib.languages import LANGUAGES
from enrollment.models import Channel, Interest, Town
from messaging import texts

CODE_LENGTH = 8  # of a unique code: what {code} will take in a message
_CODE = re.compile(r"[A-Z0-9]{4,20}")
_PHONE = re.compile(r"(?=.{4,20}$)\+?[0-9 ()-]+")
_LONGEST_TITLE = 80
_MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class DraftProblem:
    """Something wrong with one field: a stable code, and a sentence for people with its details filled in."""

    name: str  # of the field
    code: str
    sentence: str | Promise
    details: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return str(self.sentence) % self.details if self.details else str(self.sentence)


# Every problem by its code, so that a stored one can be told in any language.
SENTENCES: dict[str, str | Promise] = {
    "no_title": _("a title is missing"),
    "long_title": _("the title is longer than %(most)s characters"),
    "no_text": _("a text is missing"),
    "bad_text": _("the text cannot be sent: %(what)s"),
    "code_nowhere": _("the text has no {code}, though codes are given"),
    "code_without": _("the text has a {code}, but no codes are given"),
    "phone_without": _("the text has a {phone}, but no telephone is given"),
    "url_without": _("the text has a {url}, but no link is given"),
    "category_unknown": _("category %(value)s is not known"),
    "category_refused": _("category %(value)s is not allowed"),
    "interest_unknown": _("interest %(value)s is not known"),
    "town_unknown": _("town %(value)s is not known"),
    "no_date": _("a date is missing or cannot be read: %(value)s"),
    "dates_reversed": _("valid to %(to)s is before valid from %(start)s"),
    "dates_over": _("valid to %(to)s is over already"),
    "dates_long": _("an offer lasts %(most)s days at most"),
    "discount_wrong": _("the discount must be between 1 and 100 per cent: %(value)s"),
    "channel_unknown": _("channel %(value)s is not known"),
    "no_channel": _("a channel is missing"),
    "age_wrong": _("the age must be a number up to 99: %(value)s"),
    "age_low": _("category %(category)s is for people of %(age)s and more"),
    "codes_wrong": _("the kind of codes is not known: %(value)s"),
    "shared_code_wrong": _("a code for all has 4 to 20 capital letters and digits"),
    "shared_code_alone": _("a code for all is given, but the offer uses none"),
    "uses_wrong": _("a code redeems between 1 and 1000 times"),
    "phone_wrong": _("the telephone of the shop cannot be read"),
    "url_wrong": _("a link begins with https:// and leads to an address agreed with you: %(value)s"),
    "uses_of_shared": _("a code for all redeems as often as it is shown: leave the number of times at 1"),
    "same_offer": _("an identical offer is there already: №%(offer)s"),
    "same_row": _("the same as row %(row)s"),
    "shared_code_taken": _("another offer of yours has this code"),
    "same_code_row": _("row %(row)s has this code already"),
    "formula": _("a cell has a formula: put what it should say in its place"),
    "long_cell": _("a cell is longer than %(most)s characters"),
    "bad_cell": _("a cell holds characters that are no text"),
    "quotes": _("a quotation mark is opened and never closed"),
    "stray_cell": _("there are more cells than headings"),
}


def problem(name: str, code: str, **details: Any) -> DraftProblem:
    """Return the problem of that code with a field."""
    return DraftProblem(name, code, SENTENCES[code], details)


@dataclass(frozen=True, slots=True)
class Draft:
    """An offer as somebody wants it; dates are Astana days, towns, interests and category are codes."""

    category: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    channels: tuple[str, ...] = ()
    title_kk: str = ""
    title_ru: str = ""
    title_en: str = ""
    text_kk: str = ""
    text_ru: str = ""
    text_en: str = ""
    interests: tuple[str, ...] = ()
    towns: tuple[str, ...] = ()
    discount: int | None = None
    min_age: int = 0
    codes: str = "none"
    shared_code: str = ""
    uses: int = 1
    phone: str = ""
    url: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of all it says, in hex: identical drafts have the same."""
        told = json.dumps(asdict(self), default=str, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(told.encode()).hexdigest()

    @classmethod
    def of(cls, offer: Offer) -> "Draft":
        """What a stored offer says."""
        names = [name for name in cls.__slots__ if name not in ("category", "channels", "interests", "towns")]
        return cls(
            category=offer.category.code,
            channels=tuple(offer.channels),
            interests=tuple(offer.interests),
            towns=tuple(offer.towns),
            **{name: getattr(offer, name) for name in names},
        )


class Catalogue:
    """What drafts may name, read once for a file of thousands."""

    def __init__(self) -> None:
        self.categories = {category.code: category for category in Category.objects.all()}
        self.interests = set(Interest.objects.values_list("code", flat=True))
        self.towns = set(Town.objects.values_list("code", flat=True))


def problems(draft: Draft, *, partner: Partner, today: date, catalogue: Catalogue | None = None) -> list[DraftProblem]:
    """Return everything that is wrong with a draft; [] when it may be an offer of the partner's."""
    known = catalogue or Catalogue()
    return [
        *_of_texts(draft),
        *_of_subject(draft, known),
        *_of_dates(draft, today),
        *_of_reach(draft),
        *_of_codes(draft),
        *_of_landing(draft, partner),
    ]


def _of_texts(draft: Draft) -> Iterator[DraftProblem]:
    titles = {code: getattr(draft, f"title_{code}") for code in LANGUAGES}
    said = {code: text for code in LANGUAGES if (text := getattr(draft, f"text_{code}"))}
    if not any(titles.values()):
        yield problem("title_ru", "no_title")
    for code, title in titles.items():
        if len(title) > _LONGEST_TITLE:
            yield problem(f"title_{code}", "long_title", most=_LONGEST_TITLE)
        if title:
            yield from _unsendable(f"title_{code}", title.replace("{", "").replace("}", ""))
    if not said:
        yield problem("text_ru", "no_text")
    has_codes = draft.codes in ("shared", "unique")
    for code, text in said.items():
        # As long as it will be when the code is in it.
        filled = text.replace("{code}", draft.shared_code or "X" * CODE_LENGTH) if has_codes else text
        filled = landed(filled, phone=draft.phone, url=draft.url)
        yield from _unsendable(f"text_{code}", filled, is_literal=True)
        if has_codes and "{code}" not in text:
            yield problem(f"text_{code}", "code_nowhere")
        if not has_codes and "{code}" in text:
            yield problem(f"text_{code}", "code_without")
        for name in ("phone", "url"):
            if f"{{{name}}}" in text and not getattr(draft, name):
                yield problem(f"text_{code}", f"{name}_without")


def landed(text: str, *, phone: str, url: str) -> str:
    """A text with its shop's telephone and link in their places, where it has them."""
    for name, value in (("{phone}", phone), ("{url}", url)):
        text = text.replace(name, value) if value else text
    return text


def _unsendable(name: str, text: str, *, is_literal: bool = False) -> Iterator[DraftProblem]:
    """Braces are a partner's own letters ({code}, {phone}, {url} apart), so they are not judged as placeholders."""
    try:
        texts.check(text.replace("{", "(").replace("}", ")") if is_literal else text)
    except texts.BadText as error:
        yield problem(name, "bad_text", what=str(error.details["what"]))


def _of_subject(draft: Draft, known: Catalogue) -> Iterator[DraftProblem]:
    category = known.categories.get(draft.category)
    if category is None:
        yield problem("category", "category_unknown", value=draft.category)
    elif not category.is_allowed:
        yield problem("category", "category_refused", value=draft.category)
    elif 0 < draft.min_age < category.min_age:
        yield problem("min_age", "age_low", category=draft.category, age=category.min_age)
    for interest in draft.interests:
        if interest not in known.interests:
            yield problem("interests", "interest_unknown", value=interest)
    for town in draft.towns:
        if town not in known.towns:
            yield problem("towns", "town_unknown", value=town)


def _of_dates(draft: Draft, today: date) -> Iterator[DraftProblem]:
    for name in ("valid_from", "valid_to"):
        if getattr(draft, name) is None:
            yield problem(name, "no_date", value="")
    if draft.valid_from is None or draft.valid_to is None:
        return
    if draft.valid_to < draft.valid_from:
        yield problem("valid_to", "dates_reversed", to=str(draft.valid_to), start=str(draft.valid_from))
    elif draft.valid_to < today:
        yield problem("valid_to", "dates_over", to=str(draft.valid_to))
    elif (draft.valid_to - draft.valid_from).days > _MOST_DAYS:
        yield problem("valid_to", "dates_long", most=_MOST_DAYS)


def _of_reach(draft: Draft) -> Iterator[DraftProblem]:
    if not draft.channels:
        yield problem("channels", "no_channel")
    for channel in draft.channels:
        if channel not in Channel.values:
            yield problem("channels", "channel_unknown", value=channel)
    if draft.discount is not None and not 1 <= draft.discount <= 100:
        yield problem("discount", "discount_wrong", value=draft.discount)
    if not 0 <= draft.min_age <= 99:
        yield problem("min_age", "age_wrong", value=draft.min_age)


def _of_codes(draft: Draft) -> Iterator[DraftProblem]:
    if draft.codes not in Offer.Codes.values:
        yield problem("codes", "codes_wrong", value=draft.codes)
    if draft.codes == "shared" and not _CODE.fullmatch(draft.shared_code):
        yield problem("shared_code", "shared_code_wrong")
    if draft.codes != "shared" and draft.shared_code:
        yield problem("shared_code", "shared_code_alone")
    if not 1 <= draft.uses <= 1000:
        yield problem("uses", "uses_wrong")
    elif draft.codes == "shared" and draft.uses != 1:
        yield problem("uses", "uses_of_shared")


def _of_landing(draft: Draft, partner: Partner) -> Iterator[DraftProblem]:
    if draft.phone and not _PHONE.fullmatch(draft.phone):
        yield problem("phone", "phone_wrong")
    if draft.url and not _is_allowed(draft.url, partner.hosts):
        yield problem("url", "url_wrong", value=draft.url[:60])


# What a telephone makes a link of: a scheme, "www.", or a name under a domain that people use.
_LINK = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://|www\.)[^\s<>\"'«»]+"
    r"|(?<![\w@.-])(?:[a-z0-9-]+\.)+(?:kz|com|net|org|ru|info|biz|me|io|app|shop|store|site|online|top|xyz|link|ly|cc|qaz)"
    r"(?![\w-])(?:/[^\s<>\"'«»]*)?",
    re.IGNORECASE | re.ASCII,
)


def foreign_links(offer: Offer) -> list[str]:
    """Where an offer's texts lead besides the partner's agreed hosts: for who approves it to see and to judge.

    A text is the partner's own word and stays literal, so that it is told, not refused.
    """
    found: dict[str, None] = {}
    for name in (f"{part}_{code}" for part in ("title", "text") for code in LANGUAGES):
        for match in _LINK.findall(getattr(offer, name)):
            link = match.rstrip(".,;:!?)]}")
            if not _is_allowed(link if "://" in link else f"https://{link}", offer.partner.hosts):
                found[link[:80]] = None
    return list(found)


def _is_allowed(url: str, hosts: list[str]) -> bool:
    """An https link to an agreed host or a part of it, with nothing that makes it read as another."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    is_plain = url.isascii() and not set(url) & set(" \\\"'<>") and "@" not in parts.netloc and port in (None, 443)
    is_agreed = any(host == allowed or host.endswith(f".{allowed}") for allowed in hosts)
    return parts.scheme == "https" and is_plain and is_agreed and len(url) <= 200
