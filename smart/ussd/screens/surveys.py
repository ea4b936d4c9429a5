"""Surveys: the list, and one screen a question (S1, S2)."""

from django.utils.translation import gettext as _

from enrollment import joining
from enrollment.models import Channel
from smart import programme
from smart.ussd.visit import Act, Answer, Screen, Visit, WrongKey
from surveys.models import Question
from surveys.responses import answering
from surveys.responses.answering import Position
from surveys.responses.screens import ending, screen


def surveys(visit: Visit) -> Answer:
    """The surveys this member may take, each by its number: `*555*6*12#` reaches it directly."""
    if visit.subscriber is None or visit.membership is None:
        raise joining.NotMember
    found = answering.open_to(subscriber=visit.subscriber, now=visit.now)
    if not found:
        return Screen(_("There are no surveys for you now."))
    lines = [_("Surveys:"), *(f"{survey.pk} {survey.title(visit.language)}" for survey in found)]
    return Screen("\n".join(lines), waits="surveys")


def choose(visit: Visit, key: str) -> Answer:
    """A survey's number: begin it, or go on with it."""
    if not key.isascii() or not key.isdecimal() or len(key) > 9:
        raise WrongKey
    return Act(_begin)


def _begin(visit: Visit) -> Screen:
    if visit.subscriber is None:
        raise joining.NotMember
    return _show(
        programme.begin_survey(
            survey_id=int(visit.key),
            subscriber=visit.subscriber,
            channel=Channel.USSD,
            language=visit.language,
            now=visit.now,
        )
    )


def answer(visit: Visit, key: str) -> Answer:
    """An answer, or a step back: recorded, so that nothing is asked twice."""
    return Act(_answer)


def _answer(visit: Visit) -> Screen:
    if visit.subscriber_id is None:
        raise joining.NotMember
    return _show(
        programme.answer_survey(
            response_id=visit.context["response"],
            subscriber_id=visit.subscriber_id,
            turn=visit.context["turn"],
            key=visit.key,
            now=visit.now,
        )
    )


def _show(standing: Position) -> Screen:
    if standing.item is None:
        return Screen(ending(standing))
    return Screen(
        screen(standing),
        waits="survey",
        context={
            "response": standing.response_id,
            "turn": standing.turn,
            "takes_text": standing.item.kind == Question.Kind.TEXT,
        },
    )
