"""The same answers as smart.local.answers, written down in a few statements: for a survey that is over.

A first start has no minutes to press keys by the thousand. The way through the questions is flow's own, and
tests/local/test_simulated_surveys.py keeps that what is written is what the operations would have written. One thing
is left out: the message that tells of each reward.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection, transaction

from bonuses import lifecycle as bonuses
from bonuses.models import Grant, Kind, LedgerEntry
from core.lib import astana
from enrollment.models import Channel, Subscriber, SubscriberFact
from smart.local.answers import age_of, begins, delivered, live, members, respondent, run, script_of
from smart.local.respondents import USUAL, Habits
from surveys.models import Answer, Quota, Response, Survey, Version
from surveys.models.questions import END, NOT_ELIGIBLE
from surveys.questionnaire import flow
from surveys.questionnaire.flow import Given, Script
from surveys.questionnaire.items import Item, Option

State = Response.State
_AT_ONCE = 2_000


def write(*, survey: Survey, now: datetime, habits: Habits = USUAL, seed: str = "") -> int:
    """Let those to whom an invitation was delivered answer until `now`; return how many came to an end.

    Only for a survey that nobody has begun yet, before its end is carried out.
    """
    sheets = _Sheets(survey)
    people = members(invited := delivered(survey))
    lives = []
    for pk, at in begins(survey, invited, people, habits=habits, seed=seed):
        person = respondent(people[pk], survey, habits, seed, at)
        lives.append(live(person, _Sheet(sheets, people[pk]), first=at))
    run(lives, now=min(now, survey.ends_at - timedelta(microseconds=1)))
    sheets.save()
    return sum(sheet.response.state != State.STARTED for sheet in sheets.begun)


class _Sheets:
    """A survey's answers before they are saved."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self.quotas = list(survey.quotas.all())
        self.version: Version
        self.script: Script
        self.version, self.script = script_of(survey)
        self.begun: list[_Sheet] = []

    def group(self, member: Subscriber, age: int | None) -> Quota | None:
        """The first quota the member falls under."""
        return next((quota for quota in self.quotas if _fits(quota, member, age)), None)

    @transaction.atomic
    def save(self) -> None:
        """Write it all down."""
        responses = Response.objects.bulk_create([sheet.response for sheet in self.begun], batch_size=_AT_ONCE)
        for sheet, response in zip(self.begun, responses, strict=True):
            for answer in sheet.answers:
                answer.response = response
        answers = [answer for sheet in self.begun for answer in sheet.answers]
        Answer.objects.bulk_create(answers, batch_size=_AT_ONCE)
        Quota.objects.bulk_update(self.quotas, ["taken"])
        self._reward()
        self._learn()

    def _reward(self) -> None:
        owed = [sheet.response for sheet in self.begun if sheet.is_owed(self.survey)]
        terms = {
            month: bonuses.terms_for(Kind.SURVEY, month) for month in {astana.month_of(_end(each)) for each in owed}
        }
        grants = Grant.objects.bulk_create(
            [_grant(self.survey, response, terms[astana.month_of(_end(response))]) for response in owed],
            batch_size=_AT_ONCE,
        )
        LedgerEntry.objects.bulk_create(
            [
                LedgerEntry(
                    month=grant.month,
                    grant=grant,
                    subscriber_id=grant.subscriber_id,
                    kind=LedgerEntry.Kind.ISSUE,
                    units=grant.units,
                    at=grant.issued_at,
                    key="issue",
                )
                for grant in grants
            ],
            batch_size=_AT_ONCE,
        )
        rows = [(response.pk, grant.pk, grant.units) for response, grant in zip(owed, grants, strict=True)]
        _run(
            'UPDATE surveys_response r SET "grant" = t.grant_id, units = t.units'
            " FROM unnest(%s::bigint[], %s::bigint[], %s::int[]) AS t (id, grant_id, units) WHERE r.id = t.id",
            rows,
        )

    def _learn(self) -> None:
        facts, bits = [], []
        for sheet in self.begun:
            if sheet.response.ended_at is None:
                continue
            chosen = list(sheet.chosen())
            facts += [
                SubscriberFact(
                    subscriber_id=sheet.member.pk,
                    fact_id=option.fact,
                    value=option.fact_value,
                    told_at=sheet.pressed_at,
                )
                for option in chosen
                if option.fact is not None
            ]
            told = sum(1 << bit for bit in {option.interest_bit for option in chosen} if bit is not None)
            if told:
                bits.append((sheet.member.pk, told))
        SubscriberFact.objects.bulk_create(
            facts,
            batch_size=_AT_ONCE,
            update_conflicts=True,
            unique_fields=["subscriber", "fact"],
            update_fields=["value", "told_at"],
        )
        _run(
            "UPDATE enrollment_subscriber s SET interests = interests | t.bits"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS t (id, bits) WHERE s.id = t.id",
            bits,
        )


@dataclass(slots=True)
class _Sheet:
    """One member's answers (smart.local.answers.Taker)."""

    sheets: _Sheets
    member: Subscriber
    response: Response = field(init=False)
    answers: list[Answer] = field(default_factory=list)
    pressed_at: datetime = field(init=False)

    def begin(self, at: datetime) -> Item | None:
        if at < self.sheets.survey.starts_at:
            return None
        if hasattr(self, "response"):
            self.response.turn, self.response.asked_at = self.response.turn + 1, at
            return self.sheets.script.by_code[self.response.asked]
        age = age_of(self.member, at)
        quota = self.sheets.group(self.member, age)
        if (self.sheets.quotas and quota is None) or (quota is not None and quota.is_full):
            return None
        self.response = Response(
            survey=self.sheets.survey,
            version=self.sheets.version,
            subscriber=self.member,
            quota=quota,
            language=self.sheets.survey.language_for(self.member.language),
            channel=Channel.USSD,
            town_id=self.member.town_id,
            gender=self.member.gender,
            age=age,
            asked=self.sheets.script.first.code,
            path=[],
            started_at=at,
            asked_at=at,
        )
        self.sheets.begun.append(self)
        return self.sheets.script.first

    def press(self, key: str, at: datetime) -> Item | None:
        item, quota = self.sheets.script.by_code[self.response.asked], self.response.quota
        self.pressed_at = at
        try:
            given = flow.read(item, key)
        except flow.BadKey:
            return item
        if quota is not None and quota.is_full:
            self._end(State.FULL, at)
            return None
        took = round((at - self.response.asked_at).total_seconds() * 1000)
        self.answers.append(
            Answer(question_id=item.id, value=given.value, text=given.text, answered_at=at, took_ms=took)
        )
        self.response.path.append(item.code)
        following = self.sheets.script.after(item, given)
        if following == NOT_ELIGIBLE:
            self._end(State.SCREENED_OUT, at)
            return None
        if following == END:
            if quota is not None:
                quota.taken += 1
            self._end(State.COMPLETED, at)
            return None
        self.response.asked, self.response.asked_at, self.response.turn = following, at, self.response.turn + 1
        return self.sheets.script.by_code[following]

    def _end(self, state: State, at: datetime) -> None:
        self.response.state, self.response.asked, self.response.ended_at = state, "", at
        self.response.turn += 1
        if state == State.COMPLETED:
            average = sum(answer.took_ms for answer in self.answers) / len(self.answers)
            self.response.is_fast = average < self.sheets.survey.fast_seconds * 1000

    def is_owed(self, survey: Survey) -> bool:
        """True when a reward is due (B11)."""
        state = self.response.state
        return state == State.COMPLETED or (state == State.FULL and survey.rewards_full)

    def chosen(self) -> Iterator[Option]:
        """The options his answers fall under."""
        by_id = {item.id: item for item in self.sheets.script.items}
        for answer in self.answers:
            item = by_id[answer.question_id]
            for option in item.options:
                if flow.matches(item, option, Given(answer.value)):
                    yield option


def _fits(quota: Quota, member: Subscriber, age: int | None) -> bool:
    has_ages = quota.age_from is not None or quota.age_to is not None
    return (
        quota.town_id in (None, member.town_id)
        and quota.gender in ("", member.gender)
        and (not has_ages or (age is not None and (quota.age_from or 0) <= age <= (quota.age_to or 999)))
    )


def _end(response: Response) -> datetime:
    assert response.ended_at is not None
    return response.ended_at


def _grant(survey: Survey, response: Response, terms: bonuses.BonusTerms) -> Grant:
    at, units = _end(response), survey.reward_units or terms.units
    return Grant(
        subscriber_id=response.subscriber_id,
        month=astana.month_of(at),
        kind=Kind.SURVEY,
        source=f"survey:{survey.pk}",
        terms=terms,
        units=units,
        remaining=units,
        state=Grant.State.ACTIVE,
        issued_at=at,
        activate_by=at + timedelta(days=terms.activate_within_days),
        activated_at=at,
        expires_at=at + timedelta(hours=terms.valid_hours),
    )


def _run(statement: str, rows: Sequence[tuple[int, ...]]) -> None:
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(statement, [list(column) for column in zip(*rows, strict=True)])
