"""The map of a questionnaire: which question leads where, as lines to read and as a drawing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from surveys.models import Question
from surveys.models.questions import END, NOT_ELIGIBLE
from surveys.questionnaire import wording
from surveys.questionnaire.flow import Script
from surveys.questionnaire.items import Item, Option
from surveys.staff.question_context import cut

Kind = Question.Kind
_ROW, _HIGH, _WIDE, _TOP = 66, 46, 222, 6
_LANES, _LANE = 4, 13  # bends side by side, so that they can be told apart
_LEFT = _LANES * _LANE + 42
_ENDS, _SPREAD = 28, 15  # how long the arrow to an end is; between arrows of one question


@dataclass(frozen=True, slots=True)
class Way:
    """From a question by an answer ("" for any other) to a question or an end."""

    answer: str
    target: str
    told: str

    @property
    def is_end(self) -> bool:
        """True when nothing is asked afterwards."""
        return self.target in (END, NOT_ELIGIBLE)


@dataclass(frozen=True, slots=True)
class MapNode:
    """A question on the map."""

    item: Item
    text: str
    kind: str
    choices: Sequence[str]
    ways: Sequence[Way]


def ways(script: Script, languages: Sequence[str]) -> list[MapNode]:
    """Every question with where its answers lead, in the reader's language where it is written in it."""
    reader = (get_language() or "ru")[:2]
    language = reader if reader in languages else languages[0]
    return [
        MapNode(
            item,
            item.texts.get(language) or _("(no text yet)"),
            _kind(item),
            [f"{key} {text}" for key, text in wording.listed(item, language)],
            list(_of(script, item, language)),
        )
        for item in script.items
    ]


def _kind(item: Item) -> str:
    label = str(Kind(item.kind).label)
    return f"{label}, {item.low}–{item.high}" if item.low is not None else label


def _of(script: Script, item: Item, language: str) -> Iterator[Way]:
    following = script.following(item)
    named = dict(wording.listed(item, language))
    branches = [option for option in item.options if option.then and option.then != following]
    for option in branches:
        yield Way(_answer(item, option, named), option.then, _told(option.then))
    if following in script.leads_to(item) or not branches:
        yield Way("", following, _told(following))


def _answer(item: Item, option: Option, named: dict[int, str]) -> str:
    if item.kind in (Kind.NUMBER, Kind.SCALE):
        return _range(option)
    return f"{option.value} {cut(named.get(option.value, ''), 30)}".strip()


def _told(target: str) -> str:
    return {END: _("the end"), NOT_ELIGIBLE: _("the end, as not eligible")}.get(target, target)


@dataclass(frozen=True, slots=True)
class Box:
    """A question in the drawing, at its place."""

    code: str
    text: str
    x: int
    y: int
    middle: int
    is_screening: bool


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow in the drawing: its path, what its end is, and its label at a place."""

    path: str
    kind: str  # next, jump, end, not_eligible
    label: str
    x: int
    y: int
    anchor: str  # on which side of the place the label stands


@dataclass(frozen=True, slots=True)
class Drawing:
    """The map as a picture of this size."""

    boxes: Sequence[Box]
    lines: Sequence[Arrow]
    width: int
    height: int
    wide: int = _WIDE
    high: int = _HIGH


def drawn(script: Script) -> Drawing:
    """Questions below each other; the next one by a straight arrow, others by bends, ends to the right."""
    reader = (get_language() or "ru")[:2]
    places = {item.code: place for place, item in enumerate(script.items)}
    boxes = [
        Box(
            item.code,
            cut(item.texts.get(reader) or next(filter(None, item.texts.values()), "…"), max(8, 27 - len(item.code))),
            _LEFT,
            _TOP + place * _ROW,
            _TOP + place * _ROW + _HIGH // 2,
            item.is_screening,
        )
        for item, place in zip(script.items, places.values(), strict=True)
    ]
    lines = [line for item in script.items for line in _lines(script, item, places)]
    return Drawing(boxes, lines, _LEFT + _WIDE + _ENDS + 112, _TOP + len(boxes) * _ROW)


def _lines(script: Script, item: Item, places: dict[str, int]) -> Iterator[Arrow]:
    """Ends to the right, jumps by a bend on the left, each beside the others."""
    here = places[item.code]
    middle = _TOP + here * _ROW + _HIGH // 2
    targets = sorted(script.leads_to(item), key=lambda code: places.get(code, -1))
    ends = [code for code in targets if code in (END, NOT_ELIGIBLE)]
    jumps = [code for code in targets if code in places and places[code] != here + 1]
    for number, target in enumerate(ends):
        y = _beside(middle, number, len(ends))
        x = _LEFT + _WIDE
        yield Arrow(f"M {x} {y} h {_ENDS - 4}", target, _keys(script, item, target), x + _ENDS, y + 4, "start")
    for number, target in enumerate(jumps):
        y = _beside(middle, number, len(jumps))
        there = _TOP + places[target] * _ROW + _HIGH // 2
        out = _LEFT - 24 - _LANE * ((here + number) % _LANES)
        turn = 8 if there > y else -8
        path = f"M {_LEFT} {y} H {out + 8} Q {out} {y} {out} {y + turn} V {there - turn}"
        label = _keys(script, item, target)
        yield Arrow(f"{path} Q {out} {there} {out + 8} {there} H {_LEFT - 4}", "jump", label, out - 4, y + 4, "end")
    if here + 1 < len(places) and any(places.get(code) == here + 1 for code in targets):
        bottom = _TOP + here * _ROW + _HIGH
        yield Arrow(f"M {_LEFT + 30} {bottom} v {_ROW - _HIGH - 4}", "next", "", 0, 0, "start")


def _beside(middle: int, number: int, count: int) -> int:
    return middle + round((number - (count - 1) / 2) * _SPREAD)


def _keys(script: Script, item: Item, target: str) -> str:
    """The answers that lead there; nothing where whatever else is answered does."""
    return ", ".join(
        _range(option) if item.kind in (Kind.NUMBER, Kind.SCALE) else str(option.value)
        for option in item.options
        if option.then == target
    )


def _range(option: Option) -> str:
    return f"{option.low}–{option.high}" if option.low != option.high else str(option.low)
