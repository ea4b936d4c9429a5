"""Which step of which session a request is: repeated, the next key, out of order, a new session, or none of ours.

Reads only; what a step leads to is the engine's business.
"""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from core.lib import crypto, keys, statements
from smart.ussd import endings, sessions
from smart.ussd.request import Code, GatewayRequest, Reply
from smart.ussd.sessions import Session

_KEY_LIMIT = 40
_TEXT_LIMIT = 182


@dataclass(frozen=True, slots=True)
class Repeated:
    """A request that was answered before: the reply it got."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """No step of a session this subscriber has: the polite end, and who dialed, as far as that is known."""

    reply: Reply
    subscriber_id: int | None
    language: str


@dataclass(frozen=True, slots=True)
class OutOfOrder:
    """A step that does not follow the last one of its session."""

    session: Session


@dataclass(slots=True)  # not frozen: that costs a call a field, with every key press
class NextKey:
    """The next key of a session under way, clean of stars and hashes around it."""

    session: Session
    key: str


@dataclass(frozen=True, slots=True)
class NewSession:
    """A code dialed by a known or unknown subscriber of Kazakhstan."""

    code: Code
    msisdn_index: bytes
    subscriber_id: int | None
    language: str


Step = Repeated | TurnedAway | OutOfOrder | NextKey | NewSession


def find(request: GatewayRequest, *, now: datetime) -> Step:
    """Find out which step this is, from the hint of this process where that is enough, else from the database."""
    if request.msisdn is None and request.has_number:
        return TurnedAway(endings.foreign(), None, settings.LANGUAGE_CODE)
    index = crypto.blind_index(request.msisdn.value) if request.msisdn is not None else None
    hint = sessions.recall(request.caller.client_id, request.session_id)
    if hint is not None and _is_owner(index, hint):
        step = _in_session(request, hint, now)
        # Another process may have moved the session on since, so a hint is trusted for nothing but a next key: that
        # ends in a guarded write.
        if isinstance(step, NextKey):
            return step
    session = sessions.load(request.caller.client_id, request.session_id)
    if session is not None and _is_owner(index, session):
        return _in_session(request, session, now)
    if index is None:
        return TurnedAway(endings.lost(settings.LANGUAGE_CODE), None, settings.LANGUAGE_CODE)
    return _without_session(request, index, now) if session is None else _turned_away(index)


def _is_owner(index: bytes | None, session: Session) -> bool:
    """True when the session is this number's; a request without one has the session of its name."""
    return index is None or session.msisdn_index == index


def _turned_away(index: bytes) -> TurnedAway:
    subscriber_id, language = _subscriber(index)
    return TurnedAway(endings.lost(language), subscriber_id, language)


def _in_session(request: GatewayRequest, session: Session, now: datetime) -> Step:
    repeated = session.answered(request.token)
    if repeated is not None:
        return Repeated(repeated)
    if not session.screen or session.is_expired(now):
        return TurnedAway(endings.lost(session.language), session.subscriber_id, session.language)
    key = _new_key(request, session)
    return NextKey(session, key) if key is not None else OutOfOrder(session)


def _new_key(request: GatewayRequest, session: Session) -> str | None:
    """The new key; None when the request does not follow the session's last one."""
    if request.cumulative is not None:
        added = request.cumulative.removeprefix(session.taken)
        follows = request.cumulative.startswith(session.taken) and (not session.taken or added.startswith("*"))
        return _clean(added, session) if follows else None
    if request.key is None or (request.sequence is not None and request.sequence != session.sequence + 1):
        return None
    return _clean(request.key, session)


def _clean(key: str, session: Session) -> str:
    return keys.bare(key)[: _TEXT_LIMIT if session.context.get("takes_text") else _KEY_LIMIT]


def _without_session(request: GatewayRequest, index: bytes, now: datetime) -> Step:
    """A code dialed; or a request of a session that was filed since, which must not act again."""
    subscriber_id, language = _subscriber(index)
    filed = sessions.filed_steps(
        client_id=request.caller.client_id, session_id=request.session_id, subscriber_id=subscriber_id, now=now
    )
    for token, typed, action, text, _at in filed or ():
        if token == request.token and (request.cumulative is not None or typed == request.typed):
            return Repeated(Reply(text, action == "end"))
    code = request.whole_code
    if code is None or (filed is not None and request.cumulative is not None):
        # With cumulative text a late key of a session long over looks like a code dialed: `2` like `*555*2#`.
        return TurnedAway(endings.lost(language), subscriber_id, language)
    return NewSession(code, index, subscriber_id, language)


_SUBSCRIBER = """
SELECT id, language FROM enrollment_subscriber WHERE msisdn_index = %s AND ended_at IS NULL
"""


def _subscriber(index: bytes) -> tuple[int | None, str]:
    """The subscriber of a number, if it is known, and the language to speak."""
    return statements.fetch_one(_SUBSCRIBER, [index]) or (None, settings.LANGUAGE_CODE)
