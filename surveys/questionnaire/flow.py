"""The way through a questionnaire: what a key means, what follows it, what is wrong with it. No database here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from surveys.models.questions import END, NOT_ELIGIBLE, Question
from surveys.questionnaire import wording
from surveys.questionnaire.items import Item, Option

Kind = Question.Kind
YES, NO = 1, 2
SCALES = ((1, 5), (0, 10))  # 0-10 is the scale of the NPS
MOST_TEXT = 160
LARGEST = 2_000_000_000
_MOST_PAGES = 4


class BadKey(Exception):
    """What was pressed is no answer to the question; `hint` says what would be."""

    def __init__(self, hint: str | Promise) -> None:
        super().__init__()
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Given:
    """An answer read from a key: a value (a bit each for several choices) or a text."""

    value: int | None = None
    text: str = ""


@dataclass(frozen=True)
class Script:
    """A version's questions in their order."""

    items: tuple[Item, ...]

    @cached_property
    def by_code(self) -> dict[str, Item]:
        """The questions by their code."""
        return {item.code: item for item in self.items}

    @cached_property
    def _places(self) -> dict[str, int]:
        return {item.code: place for place, item in enumerate(self.items)}

    @property
    def first(self) -> Item:
        """Where everybody begins."""
        return self.items[0]

    def following(self, item: Item) -> str:
        """The code of what comes after a question when nothing else is said, or END."""
        if item.then:
            return item.then
        place = self._places[item.code] + 1
        return self.items[place].code if place < len(self.items) else END

    def after(self, item: Item, given: Given) -> str:
        """The code of what follows this answer, END or NOT_ELIGIBLE: the first matching option that says so decides."""
        for option in item.options:
            if option.then and matches(item, option, given):
                return option.then
        return self.following(item)

    def leads_to(self, item: Item) -> set[str]:
        """Everything that may follow a question, by any answer."""
        named = {option.then or self.following(item) for option in item.options}
        is_settled = item.has_choices and item.options and item.kind != Kind.SEVERAL
        return (
            named if is_settled and len(item.options) >= self._least_options(item) else named | {self.following(item)}
        )

    def _least_options(self, item: Item) -> int:
        return 2 if item.kind == Kind.YES_NO else 1


def matches(item: Item, option: Option, given: Given) -> bool:
    """True when the answer is this option, holds it (several) or lies in its range (number, scale)."""
    if given.value is None:
        return False
    if item.kind == Kind.SEVERAL:
        return bool(given.value >> option.value & 1)
    if item.kind in (Kind.NUMBER, Kind.SCALE):
        return option.low is not None and option.high is not None and option.low <= given.value <= option.high
    return given.value == option.value


# -- what a key means


def read(item: Item, key: str) -> Given:
    """Return the answer that was keyed in. Raises BadKey."""
    key = key.strip()
    if item.kind == Kind.TEXT:
        if not key:
            raise BadKey(_("Please write an answer."))
        return Given(text=" ".join(key.split())[:MOST_TEXT])
    if item.kind == Kind.SEVERAL:
        return Given(value=_several(item, key))
    number = _number(key)
    if item.kind in (Kind.NUMBER, Kind.SCALE):
        low, high = item.low or 0, item.high or 0
        if number is None or not low <= number <= high:
            raise BadKey(_("Please enter a number from %(low)s to %(high)s.") % {"low": low, "high": high})
        return Given(value=number)
    if number is None or number not in {value for value, _text in wording.listed(item, "ru")}:
        raise BadKey(_("Wrong key."))
    return Given(value=number)


def _number(key: str) -> int | None:
    bare = key.removeprefix("-")
    if not bare.isascii() or not bare.isdecimal() or len(bare) > 10:
        return None
    return int(key)


def _several(item: Item, key: str) -> int:
    """Keys apart ("1 3", "1,3"), or where each is one digit together ("13")."""
    values = {option.value for option in item.options}
    words = key.replace(",", " ").replace(".", " ").replace(";", " ").split()
    if len(words) == 1 and max(values, default=0) < 10:
        words = list(words[0])
    chosen = {_number(word) for word in words}
    if not chosen or not chosen <= values:
        raise BadKey(_("Please enter the numbers of all that fit, like 1 3."))
    return sum(1 << value for value in chosen if value is not None)


# -- what is wrong with it


@dataclass(frozen=True, slots=True)
class ScriptProblem:
    """Something that must be mended before a survey is published: where ("" for the whole) and what."""

    code: str
    what: str | Promise

    def __str__(self) -> str:
        return f"{self.code}: {self.what}" if self.code else str(self.what)


def problems(script: Script, *, languages: Iterable[str]) -> list[ScriptProblem]:
    """Everything that is in the way of publishing; none when all is well."""
    if not script.items:
        return [ScriptProblem("", _("there is no question yet"))]
    asked = list(languages)
    found: list[ScriptProblem] = []
    for item in script.items:
        found += [ScriptProblem(item.code, what) for what in _wrong_with(script, item)]
        found += [ScriptProblem(item.code, what) for what in _wrong_words(item, asked)]
    if not any(problem.what == _NOWHERE for problem in found):
        found += _wrong_ways(script)
    return found


_NOWHERE = _("it leads to a question that does not exist")
NOTHING_LEADS = _("nothing leads to it")


def _wrong_with(script: Script, item: Item) -> Iterator[str | Promise]:
    targets = {option.then for option in item.options if option.then} | {item.then or END}
    if targets - set(script.by_code) - {END, NOT_ELIGIBLE}:
        yield _NOWHERE
    if NOT_ELIGIBLE in targets and not item.is_screening:
        yield _("only a screening question may end as not eligible")
    if item.code in (END, NOT_ELIGIBLE):
        yield _("this code means an end: choose another")
    if item.kind in (Kind.SINGLE, Kind.SEVERAL) and len(item.options) < 2:
        yield _("it needs two choices at least")
    if item.kind == Kind.YES_NO and {option.value for option in item.options} - {YES, NO}:
        yield _("yes is 1 and no is 2; there is no other choice")
    if item.kind == Kind.TEXT and item.options:
        yield _("a text has no choices")
    if item.kind in (Kind.NUMBER, Kind.SCALE):
        yield from _wrong_range(item)


def _wrong_range(item: Item) -> Iterator[str | Promise]:
    if item.low is None or item.high is None or item.low >= item.high:
        yield _("its range is empty")
        return
    if item.kind == Kind.SCALE and (item.low, item.high) not in SCALES:
        yield _("a scale goes from 1 to 5 or from 0 to 10")
    if item.low < 0 or item.high > LARGEST:
        yield _("its range is too wide")
    for option in item.options:
        if option.low is None or option.high is None or option.low > option.high:
            yield _("a branch has no range")
        elif option.low < item.low or option.high > item.high:
            yield _("a branch lies outside the range")


def _wrong_words(item: Item, languages: list[str]) -> Iterator[str | Promise]:
    for language in languages:
        named = {"language": language}
        if not item.texts.get(language, "").strip():
            yield _("its text in “%(language)s” is missing") % named
        if item.kind in (Kind.SINGLE, Kind.SEVERAL) and not all(
            option.texts.get(language, "").strip() for option in item.options
        ):
            yield _("a choice's text in “%(language)s” is missing") % named
        cut = wording.pages(item, language, is_first=False)
        if len(cut) > _MOST_PAGES:
            yield _("it takes %(pages)s screens in “%(language)s”: %(most)s at most") % {
                **named, "pages": len(cut), "most": _MOST_PAGES
            }  # fmt: skip
        # 0 turns the page: where it is an answer, there must be no page to turn.
        if len(cut) > 1 and item.low is not None and item.low <= 0:
            yield _("0 is an answer, so it must fit one screen in “%(language)s”") % named


def _wrong_ways(script: Script) -> Iterator[ScriptProblem]:
    reached, on_the_way, is_round = set(), set(), set()

    def walk(code: str) -> None:
        if code in (END, NOT_ELIGIBLE) or code in is_round:
            return
        if code in on_the_way:
            is_round.add(code)
            return
        if code in reached:
            return
        reached.add(code)
        on_the_way.add(code)
        for following in sorted(script.leads_to(script.by_code[code])):
            walk(following)
        on_the_way.discard(code)

    walk(script.first.code)
    for item in script.items:
        if item.code in is_round:
            yield ScriptProblem(item.code, _("it can come round again without end"))
        if item.code not in reached:
            yield ScriptProblem(item.code, NOTHING_LEADS)
