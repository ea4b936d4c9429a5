"""What the keys lead to: a Screen to show, or an Act to carry out. Nothing is done or written here."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from core.lib import gsm
from core.lib.errors import Refusal
from smart.ussd import menu, paging
from smart.ussd.request import Code
from smart.ussd.sessions import Session
from smart.ussd.steps import NewSession, NextKey
from smart.ussd.visit import Act, Answer, Screen, Visit, WrongKey


def plan(visit: Visit, step: NewSession | NextKey) -> Answer:
    """What a code dialed or a key pressed leads to, in the language that is active."""
    return _dialed(visit, step.code) if isinstance(step, NewSession) else _pressed(visit, step.session, step.key)


def _dialed(visit: Visit, code: Code) -> Answer:
    """Walk the digits dialed: each is a key pressed on what the one before showed, up to what must be seen first."""
    visit.key = code.segments[0] if code.segments else ""
    try:
        first, rest = menu.dialed(visit, code)
    except Refusal as refusal:
        return Screen(str(refusal))
    return _walk(visit, first, rest)


def _pressed(visit: Visit, session: Session, key: str) -> Answer:
    """What the key leads to; several at once (`1*2` after a menu) are pressed one after the other."""
    waits = session.screen
    if waits == paging.MORE:
        if key == paging.NEXT_KEY:
            return paging.NEXT_PAGE
        waits = str(session.context["then"])
        if not waits or session.context["must_be_seen"]:
            return paging.SAME_PAGE
    if session.context.get("takes_text"):
        return _press(visit, waits, key)
    first, *rest = (part.strip() for part in key.split("*"))
    return _walk(visit, _press(visit, waits, first), rest)


def _walk(visit: Visit, planned: Answer, keys: Iterable[str]) -> Answer:
    for key in keys:
        if isinstance(planned, Act) or not planned.waits or planned.must_be_seen:
            break
        planned = _press(visit, planned.waits, key)
    return planned


def _press(visit: Visit, waits: str, key: str) -> Answer:
    """One key on the screen that waits for it."""
    visit.key = key
    try:
        return menu.KEYS[waits](visit, key)
    except WrongKey:
        return _again(visit, waits)
    except Refusal as refusal:
        return Screen(str(refusal))


def _again(visit: Visit, waits: str) -> Screen:
    """The same screen once more, with a hint where there is room for it."""
    try:
        screen = menu.AGAIN[waits](visit)
    except Refusal as refusal:
        return Screen(str(refusal))
    assert isinstance(screen, Screen)
    hinted = f"{_('Wrong key.')}\n{screen.text}"
    text = hinted if gsm.fits_ussd(hinted) else screen.text
    return Screen(text, waits=screen.waits, context=screen.context, must_be_seen=screen.must_be_seen)
