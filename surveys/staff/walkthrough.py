"""The way through a questionnaire as a member would go it by USSD, with nothing recorded: keys in, screens out.

It turns pages and reads keys as smart.ussd.paging and smart.ussd.navigation do, and leads on as responses.answering
does, by questionnaire.flow alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import translation

from core.lib import keys
from surveys.models import Question, Response
from surveys.models.questions import END, NOT_ELIGIBLE
from surveys.questionnaire import flow, wording
from surveys.questionnaire.flow import Given, Script
from surveys.questionnaire.items import Item
from surveys.questionnaire.wording import BACK_KEY

NEXT_KEY = "0"
BROKEN = "broken"  # it leads to a question that does not exist: a draft may
Kind = Question.Kind
State = Response.State


@dataclass(frozen=True, slots=True)
class WalkedQuestion:
    """An answer on the way: the question, what was keyed, what it says, seconds it took."""

    item: Item
    key: str
    said: str
    seconds: int


class Walk:
    """One way through a script. `keys` are (what was pressed, seconds since the beginning), replayed one by one."""

    def __init__(self, script: Script, language: str, keys: Iterable[tuple[str, int]] = ()) -> None:
        self.script, self.language = script, language
        self.answers: list[WalkedQuestion] = []
        self.item: Item | None = None
        self.ended = ""
        self.seconds = 0
        self._asked_at = 0
        self._ask(script.first)
        for key, at in keys:
            self.press(key, at)

    @property
    def screen(self) -> str:
        """What stands on the telephone; "" at an end."""
        return self._pages[self._page] if self.item else ""

    @property
    def has_more(self) -> bool:
        """True when 0 turns the page."""
        return self._page < len(self._pages) - 1

    @property
    def takes_text(self) -> bool:
        """True when words are answered."""
        return self.item is not None and self.item.kind == Kind.TEXT

    def press(self, key: str, at: int) -> None:
        """Take a key pressed `at` seconds from the beginning; at an end it does nothing."""
        self.seconds = at
        if self.item is None:
            return
        bare = keys.bare(key)
        if not self.takes_text:
            bare = bare.partition("*")[0].strip()
        if self.has_more and bare == NEXT_KEY:
            self._page += 1
        elif bare == BACK_KEY:
            self._go_back()
        else:
            self._answer(self.item, bare, at)

    def _answer(self, item: Item, key: str, at: int) -> None:
        try:
            given = flow.read(item, key)
        except flow.BadKey as bad:
            with translation.override(self.language):
                self._ask(item, hint=str(bad.hint))
            return
        self.answers.append(WalkedQuestion(item, key, said(item, given, self.language), max(0, at - self._asked_at)))
        self._asked_at = at
        self._go_on(self.script.after(item, given))

    def _go_on(self, following: str) -> None:
        path = {one.item.code for one in self.answers}
        if following == NOT_ELIGIBLE:
            self._end(State.SCREENED_OUT)
        elif following == END or following in path:
            self._end(State.COMPLETED)
        elif following not in self.script.by_code:
            self._end(BROKEN)
        else:
            self._ask(self.script.by_code[following])

    def _go_back(self) -> None:
        """To the question before, its answer taken back; at the first one nothing happens."""
        self._ask(self.answers.pop().item if self.answers else self.script.first)

    def _ask(self, item: Item, hint: str = "") -> None:
        self.item, self._page = item, 0
        text = wording.screen(item, self.language, is_first=not self.answers, hint=hint)
        self._pages = wording.cut(text, self.language)

    def _end(self, ended: str) -> None:
        self.item, self.ended, self._page, self._pages = None, ended, 0, ("",)


def said(item: Item, given: Given, language: str) -> str:
    """An answer in words."""
    if given.value is None:
        return given.text
    chosen = [text for value, text in wording.listed(item, language) if _is_chosen(item, value, given.value)]
    return ", ".join(chosen) if item.has_choices else str(given.value)


def _is_chosen(item: Item, value: int, answered: int) -> bool:
    return bool(answered >> value & 1) if item.kind == Kind.SEVERAL else value == answered
