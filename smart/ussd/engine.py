"""From a Dial to a Reply: sessions, retransmissions, pages, effects; which screen is the menu's business."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from smart.access import auth
from smart.lib import crypto, gsm, statements
from smart.lib.errors import Refusal
from smart.lib.logs import mask_numbers
from smart.ussd import menu, sessions
from smart.ussd.dial import Code, Dial, Reply, split
from smart.ussd.sessions import Raced, Session
from smart.ussd.visit import Act, Answer, Screen, Visit, WrongKey

MORE = "more"  # the screen that has further pages
NEXT_KEY = "0"
_KEY_LIMIT = 40
_TEXT_LIMIT = 182
_DIALED_LIMIT = 182


def answer(dial: Dial, *, now: datetime) -> Reply:
    """Answer one request of a gateway; the same request again gets the same reply and acts once.

    Raises NotAuthenticated for a replayed signature; database errors are the view's to answer.
    """
    for attempt in range(3):
        try:
            return _answer(dial, now)
        except Raced as raced:
            if attempt == 2:
                raise
            if raced.nonce_is_kept:
                dial = replace(dial, caller=replace(dial.caller, nonce=""))
    raise AssertionError("unreachable")


def _answer(dial: Dial, now: datetime) -> Reply:
    if dial.msisdn is None:
        return _turn_away(dial, "foreign", None, settings.LANGUAGE_CODE, now)
    index = crypto.blind_index(dial.msisdn.value)
    session = sessions.recall(dial.caller.client_id, dial.session_id)
    if session is not None and _goes_on(dial, session, index, now):
        return _press(dial, session, now)
    session = sessions.load(dial.caller.client_id, dial.session_id)
    if session is None:
        return _open(dial, index, now)
    if session.msisdn_index != index:
        return _turn_away(dial, "lost", *_who(index), now)
    repeated = session.answered(dial.token)
    if repeated is not None:
        auth.remember_nonce(dial.caller)
        return repeated
    return _press(dial, session, now)


def _goes_on(dial: Dial, session: Session, index: bytes, now: datetime) -> bool:
    """True when a remembered session takes this request as its next key; anything else is looked up."""
    return (
        session.msisdn_index == index
        and bool(session.screen)
        and not session.is_expired(now)
        and session.answered(dial.token) is None
        and _typed(dial, session) is not None
    )


def _end(language: str, why: str) -> Reply:
    """A polite end that leaves everything as it is."""
    with translation.override(language):
        texts = {
            "lost": _("This session is over. Dial *555# again."),
            "busy": _("SMART is busy. Please try again in a minute."),
            "foreign": _("SMART is for activ numbers only."),
        }
        return Reply(texts[why], is_over=True)


def farewell() -> Reply:
    """What a gateway is told that only lets us know a session's end; nobody reads it."""
    return _end(settings.LANGUAGE_CODE, "lost")


def try_again() -> Reply:
    """What is said when there was no time to do it; nothing was done."""
    return _end(settings.LANGUAGE_CODE, "busy")


def _turn_away(dial: Dial, why: str, subscriber_id: int | None, language: str, now: datetime) -> Reply:
    """End politely what we do not act on, and keep it for the care desk like any other dial."""
    reply = _end(language, why)
    typed = _dialed(dial)
    with transaction.atomic():
        auth.remember_nonce(dial.caller)
        sessions.file_turned_away(
            client_id=dial.caller.client_id,
            session_id=dial.session_id,
            subscriber_id=subscriber_id,
            dialed=typed[:_DIALED_LIMIT],
            language=language,
            step=_step(dial.token, typed, reply, now),
            now=now,
        )
    return reply


def _dialed(dial: Dial) -> str:
    """What was typed, whole, as it may be kept."""
    code = _whole_code(dial)
    return mask_numbers(str(code) if code is not None else dial.key or "")


def _whole_code(dial: Dial) -> Code | None:
    """The code dialed, with what a gateway of cumulative texts put beside its root."""
    code = dial.code
    if code is not None and dial.cumulative is not None:
        return Code(code.root, (*code.segments, *split(dial.cumulative)))
    return code


# -- a new session


_WHO = """
SELECT id, language FROM enrollment_subscriber WHERE msisdn_index = %s AND ended_at IS NULL
"""


def _who(index: bytes) -> tuple[int | None, str]:
    """The subscriber of a number, if it is known, and the language to speak."""
    return statements.fetch_one(_WHO, [index]) or (None, settings.LANGUAGE_CODE)


def _open(dial: Dial, index: bytes, now: datetime) -> Reply:
    subscriber_id, language = _who(index)
    code = _whole_code(dial)
    filed = sessions.filed_steps(
        client_id=dial.caller.client_id, session_id=dial.session_id, subscriber_id=subscriber_id, now=now
    )
    for token, typed, action, text, _at in filed or ():  # sent again after its session was filed?
        if token == dial.token and (dial.cumulative is not None or typed == _dialed(dial)):
            auth.remember_nonce(dial.caller)
            return Reply(text, action == "end")
    if code is None or (filed is not None and dial.cumulative is not None):
        # With cumulative text a late key of a session long over looks like a code dialed: `2` like `*555*2#`.
        return _turn_away(dial, "lost", subscriber_id, language, now)
    visit = Visit(
        subscriber_id=subscriber_id,
        language=language,
        session=dial.session_id,
        by=f"ussd:{dial.caller.name}",
        now=now,
        visited_plmn=dial.visited_plmn,
    )
    planned = _plan_dialed(visit, code)
    with transaction.atomic():
        auth.remember_nonce(dial.caller)
        session = sessions.open_session(
            caller=dial.caller,
            session_id=dial.session_id,
            msisdn_index=index,
            subscriber_id=subscriber_id,
            language=language,
            dialed=_dialed(dial)[:_DIALED_LIMIT],
            visited_plmn=dial.visited_plmn,
            sequence=dial.sequence or 0,
            taken=dial.cumulative or "",
            now=now,
        )
        with translation.override(visit.language):
            screen = _perform(visit, planned)
            reply = _show(session, visit, screen)
        step = _step(dial.token, _dialed(dial), reply, now)
        # Where texts are cumulative, a session that a crash of the database forgot would be taken for a direct dial.
        durable = isinstance(planned, Act) or dial.cumulative is not None
        sessions.record(session, step=step, caller=None, now=now, durable=durable)
    if not reply.is_over:
        sessions.remember(dial.caller.client_id, dial.session_id, session)
    return reply


def _plan_dialed(visit: Visit, code: Code) -> Answer:
    """Walk the digits dialed: each is a key pressed on what the one before showed, up to what must be seen first."""
    with translation.override(visit.language):
        visit.key = code.segments[0] if code.segments else ""
        try:
            first, rest = menu.dialed(visit, code)
        except Refusal as refusal:
            return Screen(str(refusal))
        return _walk(visit, first, rest)


def _walk(visit: Visit, planned: Answer, keys: Iterable[str]) -> Answer:
    for key in keys:
        if isinstance(planned, Act) or not planned.waits or planned.must_be_seen:
            break
        planned = _plan_key(visit, planned.waits, key)
    return planned


# -- a session under way


def _press(dial: Dial, session: Session, now: datetime) -> Reply:
    typed = _typed(dial, session)
    if not session.screen or session.is_expired(now):
        return _turn_away(dial, "lost", session.subscriber_id, session.language, now)
    if typed is None:
        return _break_off(dial, session, now)
    visit = Visit(
        subscriber_id=session.subscriber_id,
        language=session.language,
        session=dial.session_id,
        by=f"ussd:{dial.caller.name}",
        now=now,
        visited_plmn=dial.visited_plmn or session.visited_plmn,
        context=session.context,
    )
    session.sequence = dial.sequence if dial.sequence is not None else session.sequence
    session.taken = dial.cumulative if dial.cumulative is not None else session.taken
    with translation.override(session.language):
        planned = _plan(visit, session, typed)
        if isinstance(planned, Act):
            return _act(dial, session, visit, planned, typed)
        reply = _show(session, visit, planned)
    step = _step(dial.token, typed, reply, now)
    sessions.record(session, step=step, caller=dial.caller, now=now, durable=False)
    sessions.remember(dial.caller.client_id, dial.session_id, session)
    return reply


def _break_off(dial: Dial, session: Session, now: datetime) -> Reply:
    """End a session whose steps do not follow one another: the telephone was told so, and nothing acts on it later."""
    reply = _end(session.language, "lost")
    session.screen, session.context = "", {}
    sessions.record(
        session, step=_step(dial.token, _dialed(dial), reply, now), caller=dial.caller, now=now, durable=False
    )
    return reply


def _typed(dial: Dial, session: Session) -> str | None:
    """The new key; None when the request does not follow the session's last one."""
    if dial.cumulative is not None:
        added = dial.cumulative.removeprefix(session.taken)
        follows = dial.cumulative.startswith(session.taken) and (not session.taken or added.startswith("*"))
        return _clean(added, session) if follows else None
    if dial.key is None or (dial.sequence is not None and dial.sequence != session.sequence + 1):
        return None
    return _clean(dial.key, session)


def _clean(key: str, session: Session) -> str:
    bare = key.strip().removesuffix("#").removeprefix("*").strip()
    return bare[: _TEXT_LIMIT if session.context.get("takes_text") else _KEY_LIMIT]


def _plan(visit: Visit, session: Session, typed: str) -> Answer:
    """What the key leads to; several at once (`1*2` after a menu) are pressed one after the other."""
    if session.screen == MORE and typed == NEXT_KEY:
        return Screen("", waits=MORE)
    waits = session.screen
    if waits == MORE:
        waits = str(session.context["then"])
        if not waits or session.context["must_be_seen"]:
            return Screen("", waits=MORE, context={"again": True})
    if session.context.get("takes_text"):
        return _plan_key(visit, waits, typed)
    first, *rest = (part.strip() for part in typed.split("*"))
    return _walk(visit, _plan_key(visit, waits, first), rest)


def _plan_key(visit: Visit, waits: str, key: str) -> Answer:
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


def _act(dial: Dial, session: Session, visit: Visit, act: Act, typed: str) -> Reply:
    """Do it and record the step, both or neither, on disk before the answer leaves."""
    with transaction.atomic():
        auth.remember_nonce(dial.caller)
        current = sessions.load(dial.caller.client_id, dial.session_id, lock=True)
        if current is None or current.turn != session.turn:
            raise Raced
        screen = _perform(visit, act)
        reply = _show(session, visit, screen)
        step = _step(dial.token, typed, reply, visit.now)
        sessions.record(session, step=step, caller=None, now=visit.now, durable=True)
    if not reply.is_over:
        sessions.remember(dial.caller.client_id, dial.session_id, session)
    return reply


def _perform(visit: Visit, planned: Answer) -> Screen:
    """Carry an Act out; what it refuses becomes the screen, and what it began is undone."""
    if isinstance(planned, Screen):
        visit.context = planned.context
        return planned
    try:
        with transaction.atomic():
            screen = planned.do(visit)
    except Refusal as refusal:
        return Screen(str(refusal))
    visit.context = screen.context
    return screen


# -- what is shown


def _show(session: Session, visit: Visit, screen: Screen) -> Reply:
    """Put the screen, or its first page, into the session and return what the subscriber sees."""
    session.language = visit.language
    if screen.waits == MORE:
        return _turn_page(session, again=bool(screen.context))
    pages = gsm.pages(screen.text, _next_line(session.language))
    if len(pages) == 1:
        session.screen, session.context = screen.waits, screen.context
        return Reply(pages[0], is_over=not screen.waits)
    session.screen = MORE
    session.context = {
        **screen.context,
        "now": pages[0],
        "pages": list(pages[1:]),
        "then": screen.waits,
        "must_be_seen": screen.must_be_seen,
    }
    return Reply(pages[0], is_over=False)


@lru_cache
def _next_line(language: str) -> str:
    with translation.override(language):
        return f"{NEXT_KEY} {_('Next')}"


def _turn_page(session: Session, *, again: bool) -> Reply:
    if again:
        return Reply(session.context["now"], is_over=False)
    page, *rest = session.context["pages"]
    then = session.context["then"]
    if rest:
        session.context = {**session.context, "now": page, "pages": rest}
        return Reply(page, is_over=False)
    session.screen = then
    session.context = {k: v for k, v in session.context.items() if k not in ("now", "pages", "then", "must_be_seen")}
    return Reply(page, is_over=not then)


def _step(token: str, typed: str, reply: Reply, now: datetime) -> list[str]:
    return [token, mask_numbers(typed), reply.action, reply.text, now.isoformat(timespec="milliseconds")]
