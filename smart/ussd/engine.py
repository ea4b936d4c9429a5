"""The journey of a dial: which step it is, what it leads to, what is done, what is shown, what is kept."""

from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.utils import translation

from core.access import auth
from core.lib.errors import Refusal
from smart.ussd import endings, navigation, paging, sessions, steps
from smart.ussd.request import GatewayRequest, Reply
from smart.ussd.sessions import Raced, Session
from smart.ussd.steps import NewSession, NextKey, OutOfOrder, Repeated, TurnedAway
from smart.ussd.visit import Act, Answer, Screen, Visit


def answer(request: GatewayRequest, *, now: datetime) -> Reply:
    """Answer one request of a gateway; the same request again gets the same reply and acts once.

    Raises NotAuthenticated for a replayed signature; database errors are the view's to answer.
    """
    for attempt in range(3):
        try:
            return _answer(request, now)
        except Raced as raced:
            # A twin of this request, or another key of the session, was quicker: what it left decides.
            if attempt == 2:
                raise
            if raced.nonce_is_kept:
                request = replace(request, caller=replace(request.caller, nonce=""))
    raise AssertionError("unreachable")


def _answer(request: GatewayRequest, now: datetime) -> Reply:
    match steps.find(request, now=now):
        case Repeated(reply):
            auth.remember_nonce(request.caller)
            return reply
        case TurnedAway() as step:
            return _turn_away(request, step, now)
        case OutOfOrder(session):
            return _break_off(request, session, now)
        case NewSession() | NextKey() as step:
            return _go_on(request, step, now)


def _turn_away(request: GatewayRequest, step: TurnedAway, now: datetime) -> Reply:
    """End politely what we do not act on, and keep it for the care desk like any other dial."""
    with transaction.atomic():
        auth.remember_nonce(request.caller)
        sessions.file_turned_away(
            request, subscriber_id=step.subscriber_id, language=step.language, reply=step.reply, now=now
        )
    return step.reply


def _break_off(request: GatewayRequest, session: Session, now: datetime) -> Reply:
    """End a session whose steps do not follow one another: the telephone was told so, and nothing acts on it later."""
    reply = endings.lost(session.language)
    session.screen, session.context = "", {}
    sessions.record(session, request, typed=request.typed, reply=reply, now=now, remembers_nonce=True)
    return reply


def _go_on(request: GatewayRequest, step: NewSession | NextKey, now: datetime) -> Reply:
    """Do what the keys lead to, show it, and keep the step."""
    visit = _visit(request, step, now)
    with translation.override(visit.language):
        planned = navigation.plan(visit, step)
        if isinstance(step, NextKey) and isinstance(planned, Screen):
            session = step.session
            reply = paging.show(session, planned, language=visit.language)
            # One statement keeps nonce and step: most key presses end here.
            sessions.record(session, request, typed=step.key, reply=reply, now=now, remembers_nonce=True)
        else:
            session, reply = _act(request, step, visit, planned)
    if not reply.is_over:
        sessions.remember(request.caller.client_id, request.session_id, session)
    return reply


def _visit(request: GatewayRequest, step: NewSession | NextKey, now: datetime) -> Visit:
    known = step if isinstance(step, NewSession) else step.session
    visit = Visit(
        subscriber_id=known.subscriber_id,
        language=known.language,
        session=request.session_id,
        by=f"ussd:{request.caller.name}",
        now=now,
        visited_plmn=request.visited_plmn,
    )
    if isinstance(step, NextKey):
        visit.visited_plmn = request.visited_plmn or step.session.visited_plmn
        visit.context = step.session.context
    return visit


def _act(request: GatewayRequest, step: NewSession | NextKey, visit: Visit, planned: Answer) -> tuple[Session, Reply]:
    """Open the session or lock it, do what is planned and keep the step: all or nothing, before the answer leaves."""
    with transaction.atomic():
        auth.remember_nonce(request.caller)
        if isinstance(step, NewSession):
            session, typed = _open(request, step, visit.now), request.typed
        else:
            # Without the lock two twins would both act before one of them failed at the guarded write.
            session, typed = step.session, step.key
            sessions.lock(session)
        screen = _perform(visit, planned)
        reply = paging.show(session, screen, language=visit.language)
        # A crash of the database may forget a mere step, but nothing that was done. And a session of cumulative texts
        # that is forgotten would let its next key be taken for a code dialed.
        durable = isinstance(planned, Act) or request.cumulative is not None
        sessions.record(session, request, typed=typed, reply=reply, now=visit.now, durable=durable)
    return session, reply


def _open(request: GatewayRequest, step: NewSession, now: datetime) -> Session:
    return sessions.open_session(
        request,
        msisdn_index=step.msisdn_index,
        subscriber_id=step.subscriber_id,
        language=step.language,
        now=now,
    )


def _perform(visit: Visit, planned: Answer) -> Screen:
    """Carry an Act out; what it refuses becomes the screen, and what it began is undone."""
    if isinstance(planned, Screen):
        return planned
    try:
        with transaction.atomic():
            return planned.do(visit)
    except Refusal as refusal:
        return Screen(str(refusal))
