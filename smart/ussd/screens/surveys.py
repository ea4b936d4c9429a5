"""Surveys: the list, and one screen a question (S1, S2)."""

from django.utils import translation
from django.utils.translation import gettext as _

from enrollment import operations as enrollment
from enrollment.models import Channel
from smart import programme
from smart.ussd.screens.bonus import moment
from smart.ussd.visit import Act, Answer, Screen, Visit, WrongKey
from surveys import answering, wording
from surveys.answering import Standing
from surveys.models import Question


def surveys(visit: Visit) -> Answer:
    """The surveys this member may take, each by its number: `*555*6*12#` reaches it directly."""
    if visit.subscriber is None or visit.membership is None:
        raise enrollment.NotMember
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
        raise enrollment.NotMember
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
        raise enrollment.NotMember
    return _show(
        programme.answer_survey(
            response_id=visit.context["response"],
            subscriber_id=visit.subscriber_id,
            turn=visit.context["turn"],
            key=visit.key,
            now=visit.now,
        )
    )


def _show(standing: Standing) -> Screen:
    if standing.item is None:
        return Screen(ending(standing))
    with translation.override(standing.language):
        hint = str(standing.hint)
    return Screen(
        wording.screen(standing.item, standing.language, is_first=standing.is_first, hint=hint),
        waits="survey",
        context={
            "response": standing.response_id,
            "turn": standing.turn,
            "takes_text": standing.item.kind == Question.Kind.TEXT,
        },
    )


def ending(standing: Standing) -> str:
    """What the last screen says, with the reward (B11)."""
    with translation.override(standing.language):
        words = {
            "completed": _("Thank you for your answers!"),
            "screened_out": _("Thank you! This survey is for others this time."),
            "full": _("Thank you! Enough members like you have answered by now."),
        }[standing.ended]
        if not standing.units:
            return words
        if standing.lapses_at is None:
            return f"{words} " + _("Your reward: %(units)s units.") % {"units": standing.units}
        return f"{words} " + _("Your reward: %(units)s units until %(lapse)s.") % {
            "units": standing.units,
            "lapse": moment(standing.lapses_at),
        }
