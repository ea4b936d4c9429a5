"""Surveys answered where their invitation is read: inside the pushed USSD dialog, inside the call (S1, S2).

The same operations as by USSD menu (smart.programme), the same words (wording); only how a key comes in and
how a question goes out differ. Nothing is remembered here: a dialog that breaks off leaves the response where it
stands, and a turn's number keeps a key from being taken twice.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from core.lib import clock, keys
from core.lib.errors import Refusal
from enrollment.models import Channel, Subscriber
from messaging.channels.base import Outgoing
from messaging.channels.conversations import Keys, State, Turn
from messaging.models import Message
from smart import programme
from surveys.fieldwork import inviting
from surveys.models import Question
from surveys.questionnaire import wording
from surveys.questionnaire.items import Item
from surveys.responses.answering import Position
from surveys.responses.screens import ending, screen

Kind = Question.Kind
NEXT_KEY = "0"  # turns a screen's page
_STAR = "*"  # on the telephone: back, or between numbers
_CODE = "*555*6*{survey}#"


def converse(message: Outgoing, key: str | None, state: State | None) -> Turn:
    """The next turn of a survey (messaging.channels.conversations); what it records is one short transaction.

    What is refused (over, full, left the programme) is told as the last words.
    """
    is_call = message.channel == Channel.IVR
    with translation.override(message.language):
        try:
            if key is None:
                return _leave(message, state, is_call)
            key = _cleaned(key, state, is_call)
            if state is None:
                return _begin(message, key, is_call)
            if state.get("pages") and (key == NEXT_KEY or not state.get("response")):
                return _paged(state["pages"], state)
            return _answer(message, key, state, is_call)
        except Refusal as refusal:
            return _said(str(refusal), {}, is_call)


def _cleaned(key: str, state: State | None, is_call: bool) -> str:
    """A key as the menu would have it; a call's star goes back, or keeps numbers apart."""
    if is_call:
        return wording.BACK_KEY if key == _STAR else key.replace(_STAR, " ").strip()
    if state is not None and state.get("takes_text"):
        return key.strip()
    return keys.bare(key)


def _begin(message: Outgoing, key: str, is_call: bool) -> Turn:
    survey_id = Message.objects.values_list("campaign", flat=True).get(pk=message.message_id, month=message.month)
    if key != inviting.START_KEY or survey_id is None:
        return _said(_later(survey_id, is_call), {}, is_call)
    standing = programme.begin_survey(
        survey_id=survey_id,
        subscriber=Subscriber(pk=message.subscriber_id),
        channel=Channel(message.channel),
        language=message.language,
        now=clock.now(),
    )
    return _shown(standing, {}, is_call)


def _answer(message: Outgoing, key: str, state: State, is_call: bool) -> Turn:
    standing = programme.answer_survey(
        response_id=state["response"],
        subscriber_id=message.subscriber_id,
        turn=state["turn"],
        key=key,
        now=clock.now(),
    )
    return _shown(standing, state, is_call)


def _leave(message: Outgoing, state: State | None, is_call: bool) -> Turn:
    """Time is up, or nobody presses a key: say how to go on, or the last of the last words."""
    if state and state.get("pages") and not state.get("response"):
        return Turn(state["pages"][-1])
    survey_id = (state or {}).get("survey")
    if survey_id is None:
        ids = Message.objects.filter(pk=message.message_id, month=message.month)
        survey_id = ids.values_list("campaign", flat=True).first()
    return _said(_later(survey_id, is_call), {}, is_call)


def _later(survey_id: int | None, is_call: bool) -> str:
    code = _CODE.format(survey=survey_id) if survey_id else "*555*6#"
    if not is_call:
        return _("You can answer later: %(code)s") % {"code": code}
    return _("You can answer later: dial %(code)s. Goodbye.") % {"code": spelled(code)}


def spelled(code: str) -> str:
    """A code as it is said on the telephone: "star 555 star 6 hash", in the reader's language."""
    return " ".join(code.replace("*", f" {_('star key')} ").replace("#", f" {_('hash key')} ").split())


def _shown(standing: Position, state: State, is_call: bool) -> Turn:
    """The question that waits, or the last words."""
    if standing.item is None:
        # A call names no hour: it would be spoken anew for every minute, and the reward's own message tells it.
        return _said(ending(replace(standing, lapses_at=None) if is_call else standing), {}, is_call)
    item = standing.item
    following: dict[str, Any] = {
        "survey": standing.survey.pk,
        "response": standing.response_id,
        "turn": standing.turn,
        "takes_text": item.kind == Kind.TEXT,
    }
    if is_call:
        return _spoken(standing, item, state, following)
    return _paged(wording.cut(screen(standing), standing.language), following)


def _spoken(standing: Position, item: Item, state: State, following: State) -> Turn:
    """The question as it is heard; the way back is told once."""
    tells_back = not standing.is_first and not state.get("knows_back")
    with translation.override(standing.language):
        text = wording.spoken(item, standing.language, hint=str(standing.hint))
        if tells_back:
            text = f"{text} {_('To go back, press the star.')}"
    following["knows_back"] = bool(tells_back or state.get("knows_back"))
    return Turn(text, goes_on=True, keys=_keys(item), state=following)


def _keys(item: Item) -> Keys:
    """How it is answered on a telephone: by one key where no answer has two digits."""
    if item.kind == Kind.TEXT:
        return Keys.TEXT
    is_one = item.kind in (Kind.SINGLE, Kind.YES_NO) and all(option.value < 10 for option in item.options)
    return Keys.ONE if is_one or (item.kind == Kind.SCALE and (item.low, item.high) == (1, 5)) else Keys.DIGITS


def _said(text: str, state: State, is_call: bool) -> Turn:
    if is_call:
        return Turn(text)
    return _paged(wording.cut(text, translation.get_language() or "ru"), state)


def _paged(pages: Sequence[str], state: State) -> Turn:
    """The first of these screens; the others wait for the key that turns the page."""
    first, *rest = pages
    keys = Keys.TEXT if state.get("takes_text") else Keys.DIGITS
    return Turn(first, goes_on=bool(rest or state.get("response")), keys=keys, state={**state, "pages": rest})


# -- the words the menu shows too
