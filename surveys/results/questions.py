"""A survey's questions as results read them: one a code, whatever the version."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils import translation
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from surveys.models import Survey
from surveys.models.questions import Question
from surveys.questionnaire import scripts
from surveys.questionnaire.items import Item

Kind = Question.Kind
MANY = 30  # a number with more values than this is told in bands
_BANDS = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """A question through the versions: worded as in the newest; `ids` are those whose answers are read together.

    `differs` are versions that worded or listed it otherwise; `apart` those where it was of another kind, whose answers
    are not read with it.
    """

    item: Item
    ids: tuple[int, ...]
    values: dict[int, dict[str, str]]  # every choice there ever was, newest wording
    differs: tuple[int, ...] = ()
    apart: tuple[int, ...] = ()

    @property
    def code(self) -> str:
        return self.item.code

    @property
    def kind(self) -> str:
        """How it is answered."""
        return self.item.kind

    @property
    def is_several(self) -> bool:
        """True when an answer is a bit for each choice."""
        return self.item.kind == Kind.SEVERAL

    @property
    def is_measured(self) -> bool:
        """True when answers are numbers that have a mean."""
        return self.item.kind in (Kind.NUMBER, Kind.SCALE)

    @property
    def is_nps(self) -> bool:
        """True for the scale from 0 to 10."""
        return self.item.kind == Kind.SCALE and (self.item.low, self.item.high) == (0, 10)

    @property
    def step(self) -> int:
        """How wide its bands are; 1: each value by itself."""
        if self.item.kind != Kind.NUMBER:
            return 1
        width = (self.item.high or 0) - (self.item.low or 0) + 1
        return 1 if width <= MANY else -(-width // _BANDS)

    def text(self, language: str = "") -> str:
        """What is asked, in the reader's language or another there is."""
        return _in_language(self.item.texts, language) or self.code

    def choices(self) -> list[int]:
        """Every answer's key in order: choices, the scale, or the lower ends of bands."""
        if self.item.kind == Kind.YES_NO:
            return [1, 2]
        if self.is_measured:
            return list(range(self.item.low or 0, (self.item.high or 0) + 1, self.step))
        return sorted(self.values)

    def label(self, key: int, language: str = "") -> str:
        """An answer in words."""
        if self.item.kind == Kind.YES_NO:
            with translation.override(language or get_language()):
                return _("Yes") if key == 1 else _("No")
        if self.is_measured:
            return str(key) if self.step == 1 else f"{key}–{min(key + self.step - 1, self.item.high or 0)}"
        return _in_language(self.values.get(key, {}), language) or str(key)


def _in_language(known: Mapping[str, str], language: str) -> str:
    wanted = language or (get_language() or "")
    return next((known[code] for code in (wanted, "ru", "kk", "en") if known.get(code)), "")


def of(survey: Survey) -> list[Asked]:
    """The questions ever published, in the newest version's order, those it dropped last."""
    versions = survey.versions.filter(published_at__isnull=False).order_by("-number")
    by_code: dict[str, list[tuple[int, Item]]] = {}
    for version in versions:
        for item in scripts.of(version).items:
            by_code.setdefault(item.code, []).append((version.number, item))
    return list(_merged(by_code))


def _merged(by_code: dict[str, list[tuple[int, Item]]]) -> Iterator[Asked]:
    for found in by_code.values():
        _number, newest = found[0]
        # A scale or a number of another range cannot be read together either.
        same = [(number, item) for number, item in found if _fits(item, newest)]
        values: dict[int, dict[str, str]] = {}
        for _version, item in reversed(same):
            values |= {option.value: dict(option.texts) for option in item.options}
        yield Asked(
            item=newest,
            ids=tuple(item.id for _version, item in same),
            values=values if newest.kind in (Kind.SINGLE, Kind.SEVERAL) else {},
            differs=tuple(sorted(number for number, item in same if _wording(item) != _wording(newest))),
            apart=tuple(sorted(number for number, item in found if not _fits(item, newest))),
        )


def _fits(item: Item, newest: Item) -> bool:
    if item.kind != newest.kind:
        return False
    return item.kind != Kind.SCALE or (item.low, item.high) == (newest.low, newest.high)


def _wording(item: Item) -> object:
    options = [(option.value, dict(option.texts), option.low, option.high) for option in item.options]
    return dict(item.texts), options, item.low, item.high
