"""Simulated members answer a survey: through the operations themselves, at the instants they do it (S1, S2).

What they do is in smart.local.respondents; one thing after the other in the order of time, so that groups fill up as
they would.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import Protocol

from core.lib import astana
from core.lib.errors import Refusal
from enrollment.audience import definition
from enrollment.models import Channel, Interest, Subscriber
from messaging.models import Message
from smart import programme
from smart.local.respondents import USUAL, Habits, Respondent
from surveys.models import Response, Survey, Version
from surveys.questionnaire import scripts
from surveys.questionnaire.flow import Script
from surveys.questionnaire.items import Item
from surveys.responses.answering import Position

State = Response.State


class Taker(Protocol):
    """One member's hold on one survey; each step returns the question that waits, None at an end."""

    def begin(self, at: datetime) -> Item | None:
        """Begin, or go on where it stopped."""

    def press(self, key: str, at: datetime) -> Item | None:
        """Answer the question that waits."""


Life = Iterator[datetime]


def live(person: Respondent, taker: Taker, *, first: datetime) -> Life:
    """Take part from an instant on. Yields the instant of each step before it is done."""
    yield first
    at, item, is_back = first, taker.begin(first), False
    while item is not None:
        if person.drops_out(item):
            return
        if person.pauses(item) and not is_back:
            at, is_back = person.goes_on_at(at, item), True
            yield at
            item = taker.begin(at)
            continue
        is_back = False
        following: Item | None = item
        for pause, key in person.presses(item):
            at += pause
            yield at
            if (following := taker.press(key, at)) is None:
                return
        item = following


def go_on(person: Respondent, taker: Taker, item: Item, *, stopped_at: datetime) -> Life:
    """Take up what was left at a question, if he ever does."""
    if person.drops_out(item):
        return iter(())
    return live(person, taker, first=person.goes_on_at(stopped_at, item))


def run(lives: Iterable[Life], *, now: datetime) -> None:
    """Let everything happen that happens until `now`, in its order."""
    waiting = [(at, number, life) for number, life in enumerate(lives) if (at := next(life, None)) is not None]
    heapify(waiting)
    while waiting and waiting[0][0] <= now:
        _at, number, life = heappop(waiting)
        if (following := next(life, None)) is not None:
            heappush(waiting, (following, number, life))


@dataclass(slots=True)
class _Dialing:
    """Through smart.programme, as a telephone does."""

    survey: Survey
    member: Subscriber
    standing: Position | None = None

    def begin(self, at: datetime) -> Item | None:
        self.standing = None
        with suppress(Refusal):  # over, full, left meanwhile
            self.standing = programme.begin_survey(
                survey_id=self.survey.pk,
                subscriber=self.member,
                channel=Channel.USSD,
                language=self.member.language,
                now=at,
            )
        return self.standing.item if self.standing else None

    def press(self, key: str, at: datetime) -> Item | None:
        assert self.standing is not None
        before, self.standing = self.standing, None
        with suppress(Refusal):
            self.standing = programme.answer_survey(
                response_id=before.response_id, subscriber_id=self.member.pk, turn=before.turn, key=key, now=at
            )
        return self.standing.item if self.standing else None


def react(*, survey: Survey, now: datetime, habits: Habits = USUAL, seed: str = "") -> int:
    """Let those to whom an invitation was delivered answer until `now`, each once; return how many came to an end.

    Who stopped goes on the next day, or never. Doing it again with a later `now` goes on where it stood.
    """
    ended = _ended(survey)
    run(list(_lives(survey, habits, seed)), now=now)
    return _ended(survey) - ended


def _ended(survey: Survey) -> int:
    return Response.objects.filter(survey=survey).exclude(state=State.STARTED).count()


def _lives(survey: Survey, habits: Habits, seed: str) -> Iterator[Life]:
    begun = {response.subscriber_id: response for response in Response.objects.filter(survey=survey)}
    people = members(invited := delivered(survey))
    for pk, at in begins(survey, invited, people, habits=habits, seed=seed):
        if pk not in begun:
            yield live(respondent(people[pk], survey, habits, seed, at), _Dialing(survey, people[pk]), first=at)
    stopped = [response for response in begun.values() if response.state == State.STARTED]
    people = Subscriber.objects.in_bulk([response.subscriber_id for response in stopped])
    for response in stopped:
        member = people[response.subscriber_id]
        person = respondent(member, survey, habits, seed, response.started_at)
        item = scripts.published(response.version_id).by_code[response.asked]
        yield go_on(person, _Dialing(survey, member), item, stopped_at=response.asked_at)


def delivered(survey: Survey) -> list[tuple[int, datetime]]:
    """To whom an invitation or reminder was delivered, and when."""
    found = Message.objects.filter(stream=survey.stream, state=Message.State.DELIVERED)
    told = found.order_by("ended_at", "pk").values_list("subscriber_id", "ended_at")
    return [(pk, at) for pk, at in told if at is not None]


def members(invited: list[tuple[int, datetime]]) -> dict[int, Subscriber]:
    """Those invited, by their id."""
    return Subscriber.objects.in_bulk({pk for pk, _at in invited})


def begins(
    survey: Survey,
    invited: list[tuple[int, datetime]],
    people: dict[int, Subscriber],
    *,
    habits: Habits,
    seed: str,
) -> Iterator[tuple[int, datetime]]:
    """Who begins when; each once, by the first invitation he follows."""
    wanted = _interests(survey)
    told: dict[int, int] = {}
    begun = set()
    for pk, invited_at in invited:
        told[pk] = nth = told.get(pk, -1) + 1
        person = respondent(people[pk], survey, habits, seed, invited_at)
        if pk not in begun and (at := person.begins_at(invited_at=invited_at, wanted=wanted, nth=nth)):
            begun.add(pk)
            yield pk, at


def respondent(member: Subscriber, survey: Survey, habits: Habits, seed: str, at: datetime) -> Respondent:
    """A member as one who answers."""
    language, age = survey.language_for(member.language), age_of(member, at)
    return Respondent(member.pk, member.gender, age, member.interests, language, f"{seed}/{survey.pk}", habits)


def age_of(member: Subscriber, at: datetime) -> int | None:
    """In whole years."""
    born, today = member.birth_date, astana.day_of(at)
    return None if born is None else today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def script_of(survey: Survey) -> tuple[Version, Script]:
    """The version that is begun now."""
    version = survey.versions.filter(published_at__isnull=False).order_by("-number").first()
    assert version is not None
    return version, scripts.of(version)


def _interests(survey: Survey) -> int:
    """What makes one like a survey: the interests of its audience, and those its choices tell."""
    bits = dict(Interest.objects.values_list("code", "bit"))
    asked = {bits[code] for code in definition.parse(survey.audience).chosen("interests")}
    _version, script = script_of(survey)
    told = {option.interest_bit for item in script.items for option in item.options if option.interest_bit is not None}
    return sum(1 << bit for bit in asked | told)
