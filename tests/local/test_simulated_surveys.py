"""Members who answer surveys: as often, as far and as fast as was asked for; the demo's surveys are theirs."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from bonuses import lifecycle as bonuses
from bonuses.models import Grant
from campaigns.models import Partner
from campaigns.partners import accounts
from core.lib import astana
from enrollment.models import Subscriber, SubscriberFact
from messaging import outbox
from smart.local import answers, answers_at_once, demo_surveys, simulated
from smart.local.population import make_strangers
from smart.local.respondents import Habits, Respondent
from surveys.models import Answer, Quota, Response, Survey
from surveys.questionnaire import flow, scripts
from surveys.questionnaire.items import Item, Option
from surveys.responses import answering
from tests.bonuses.conftest import violated

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]
STARTS = datetime(2026, 11, 4, 7, tzinfo=UTC)
State = Response.State


@pytest.fixture
def partner(db: None) -> Partner:
    """A base of members who joined a month before, and a sponsor."""
    bonuses.make_partitions(now=STARTS)
    outbox.make_partitions(now=STARTS)
    outbox.confirm_epoch(by="test", reason="a test database", now=STARTS)
    make_strangers(400)
    simulated.join_many(count=400, first=0, joined_at=STARTS - timedelta(days=30))
    simulated.give_interests(first=0, after=1_000_000)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE enrollment_subscriber SET birth_date = date '1950-01-01' + (id * 49 % 20000)::int")
    return accounts.create(name="Arbat Coffee", slug="arbat", hosts=[], price=900, by="demo", now=STARTS)


@pytest.fixture
def invited(partner: Partner) -> Survey:
    """The demo's survey of lunches, its invitations delivered."""
    survey = demo_surveys.launch(demo_surveys.LUNCH, partner, starts=STARTS, days=7, wanted=(9, 30, 30, 90), now=STARTS)
    simulated.deliver(now=STARTS, seed="t")
    return survey


EAGER = Habits(takes_part=0.6)


def _everything(survey: Survey) -> dict[str, Any]:
    """All that answering leaves behind, without ids."""
    responses = Response.objects.filter(survey=survey).order_by("subscriber")
    return {
        "responses": [
            {
                name: value
                for name, value in vars(response).items()
                if name not in ("_state", "id", "grant", "version_id")
            }
            for response in responses
        ],
        "answers": list(
            Answer.objects.filter(response__survey=survey)
            .order_by("response__subscriber", "question__position")
            .values_list("response__subscriber", "question__code", "value", "text", "answered_at", "took_ms")
        ),
        "grants": list(
            Grant.objects.filter(kind="survey")
            .order_by("subscriber")
            .values_list("subscriber", "month", "source", "units", "state", "issued_at", "activate_by", "expires_at")
        ),
        "quotas": list(Quota.objects.order_by("pk").values_list("gender", "age_from", "wanted", "taken")),
        "interests": list(Subscriber.objects.order_by("pk").values_list("pk", "interests")),
        "facts": list(SubscriberFact.objects.order_by("subscriber").values_list("subscriber", "value", "told_at")),
    }


def test_members_answer_and_are_rewarded_once_each(invited: Survey) -> None:
    ended = answers.react(survey=invited, now=invited.ends_at, habits=EAGER, seed="t")

    states = Counter(Response.objects.values_list("state", flat=True))
    rewarded = Response.objects.filter(grant__isnull=False)
    assert ended == sum(states.values()) - states[State.STARTED]
    assert min(states[state] for state in (State.COMPLETED, State.SCREENED_OUT, State.STARTED)) > 5
    assert states[State.FULL] + sum(quota.is_full for quota in Quota.objects.all()) > 0
    assert (
        rewarded.count() == Grant.objects.filter(kind="survey").count() == states[State.COMPLETED] + states[State.FULL]
    )
    assert set(Grant.objects.filter(kind="survey").values_list("units", flat=True)) == {100}
    assert violated(invited.ends_at) <= {"nothing_open_after_lapse"}  # the sweep of a week has not run
    bonuses.expire(now=invited.ends_at)
    assert violated(invited.ends_at) == set()


def test_who_answered_answers_no_more(invited: Survey) -> None:
    answers.react(survey=invited, now=invited.ends_at, habits=EAGER, seed="t")
    before = _everything(invited)

    assert answers.react(survey=invited, now=invited.ends_at, habits=EAGER, seed="t") == 0
    assert _everything(invited) == before


def test_hour_by_hour_all_take_part_who_would_at_once(invited: Survey) -> None:
    """Looked in upon every few hours, as many begin; nobody does anything before his time."""
    now = STARTS
    while now < invited.ends_at:
        answers.react(survey=invited, now=now, habits=EAGER, seed="t")
        assert not Answer.objects.filter(answered_at__gt=now).exists()
        now += timedelta(hours=7)
    answers.react(survey=invited, now=invited.ends_at, habits=EAGER, seed="t")
    people = answers.members(told := answers.delivered(invited))
    would = dict(answers.begins(invited, told, people, habits=EAGER, seed="t"))

    begun = dict(Response.objects.values_list("subscriber", "started_at"))
    full = set(would) - set(begun)
    assert begun.items() <= would.items()
    assert len(begun) > 80
    for pk in full:
        member = people[pk]
        with pytest.raises(answering.GroupFull):
            answering._cell(invited, member, would[pk])


def test_what_is_written_at_once_is_what_the_operations_write(
    invited: Survey, copy_of_database: Callable[[], None]
) -> None:
    answers.react(survey=invited, now=invited.ends_at - timedelta(microseconds=1), habits=EAGER, seed="t")
    by_operations = _everything(invited)
    copy_of_database()
    assert not Response.objects.exists()

    answers_at_once.write(survey=invited, now=invited.ends_at, habits=EAGER, seed="t")

    assert len(by_operations["responses"]) > 80
    for name, rows in _everything(invited).items():
        assert rows == by_operations[name], name
    assert violated(invited.ends_at) <= {"nothing_open_after_lapse"}


@pytest.fixture
def copy_of_database(invited: Survey) -> Callable[[], None]:
    """What puts back everything that answering changes."""
    interests = dict(Subscriber.objects.values_list("pk", "interests"))

    def restore() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(
                "TRUNCATE surveys_answer, surveys_response, enrollment_subscriberfact,"
                " bonuses_grant, bonuses_ledgerentry"
            )
            cursor.execute("SET session_replication_role = DEFAULT")
        Quota.objects.update(taken=0)
        for pk, bits in interests.items():
            Subscriber.objects.filter(pk=pk).update(interests=bits)

    return restore


# -- the habits themselves, of many made-up people


def _people(count: int, habits: Habits, **more: Any) -> Iterator[Respondent]:
    for number in range(count):
        given = {"gender": "fm"[number % 2], "age": 40, "interests": 0, "language": "ru", "seed": "t"} | more
        yield Respondent(id=number, habits=habits, **given)


ITEM = Item(
    id=1,
    code="q1",
    kind="single",
    texts={},
    options=tuple(Option(value, texts={"ru": "x"}) for value in (1, 2, 3)),
)
COUNT = 4_000


def test_shares_are_what_was_asked_for() -> None:
    """Within four standard errors of each."""
    habits = Habits(takes_part=0.3, drops_out=0.05, pauses=0.08, errs=0.1, hurries=0.06)
    people = list(_people(COUNT, habits))
    seen = {
        "takes_part": sum(person.begins_at(invited_at=STARTS, wanted=0) is not None for person in people),
        "drops_out": sum(person.drops_out(ITEM) for person in people),
        "pauses": sum(person.pauses(ITEM) for person in people),
        "errs": sum(len(list(person.presses(ITEM))) == 2 for person in people),
        "hurries": sum(person.hurries for person in people),
    }
    for name, count in seen.items():
        asked = getattr(habits, name)
        assert abs(count / COUNT - asked) < 4 * (asked * (1 - asked) / COUNT) ** 0.5, name


@pytest.mark.parametrize(
    ("more", "wanted", "at", "times"),
    [
        pytest.param({"age": 20}, 0, STARTS, 1.2, id="young"),
        pytest.param({"age": 70}, 0, STARTS, 0.7, id="old"),
        pytest.param({"interests": 2}, 2, STARTS, 1.6, id="interested"),
        pytest.param({}, 0, STARTS + timedelta(hours=7), 1.2, id="evening"),
    ],
)
def test_who_and_when_matter(more: dict[str, Any], wanted: int, at: datetime, times: float) -> None:
    likely = Habits().takes_part * times
    took = sum(
        person.begins_at(invited_at=at, wanted=wanted) is not None for person in _people(COUNT, Habits(), **more)
    )

    assert abs(took / COUNT - likely) < 4 * (likely * (1 - likely) / COUNT) ** 0.5


def test_nobody_begins_at_night_or_after_days() -> None:
    late = STARTS + timedelta(hours=7, minutes=50)  # 19:50
    begun = [
        at
        for person in _people(COUNT, Habits(takes_part=0.9))
        if (at := person.begins_at(invited_at=late, wanted=0)) is not None
    ]

    assert {at.astimezone(astana.ZONE).hour for at in begun} <= set(range(8, 23))
    assert max(begun) < late + timedelta(days=2)
    assert min(begun) > late


def test_segments_prefer_different_things_unless_told_otherwise() -> None:
    def share(habits: Habits, gender: str) -> float:
        keys = Counter(person.key(ITEM) for person in _people(COUNT, habits, gender=gender))
        return keys["1"] / COUNT

    even = Habits(contrast=0)
    assert abs(share(even, "f") - share(even, "m")) < 0.04
    assert abs(share(even, "f") - 1 / 3) < 0.04
    assert abs(share(Habits(contrast=1.5), "f") - share(Habits(contrast=1.5), "m")) > 0.1


def test_an_interest_draws_to_its_choice() -> None:
    options = (Option(1, texts={"ru": "x"}, interest_bit=3), Option(2, texts={"ru": "y"}))
    item = replace(ITEM, options=options)
    even = Habits(contrast=0)
    knows = Counter(person.key(item) for person in _people(COUNT, even, interests=8))

    assert abs(knows["1"] / COUNT - 0.75) < 0.03


def test_every_key_is_an_answer_and_every_wrong_one_is_none(invited: Survey) -> None:
    """For each kind of question, what is pressed last is read, what is pressed before is not."""
    erred = set()
    items = scripts.of(invited.versions.get()).items
    for item in items:
        for person in _people(100, Habits(errs=0.5)):
            *wrong, (_pause, key) = person.presses(item)
            flow.read(item, key)
            for _pause, first in wrong:
                erred.add(item.kind)
                with pytest.raises(flow.BadKey):
                    flow.read(item, first)

    assert {item.kind for item in items} - erred == {"text"}  # where everything is an answer


def test_who_hurries_is_flagged_and_nobody_else(invited: Survey) -> None:
    habits = replace(EAGER, hurries=0.2, pauses=0, drops_out=0)
    answers.react(survey=invited, now=invited.ends_at, habits=habits, seed="t")
    completed = Response.objects.filter(state=State.COMPLETED).select_related("subscriber")

    assert {response.is_fast for response in completed} == {True, False}
    for response in completed:
        person = answers.respondent(response.subscriber, invited, habits, "t", response.started_at)
        assert response.is_fast == person.hurries


def test_who_pauses_goes_on_the_next_day_and_who_drops_out_never(invited: Survey) -> None:
    answers.react(survey=invited, now=invited.ends_at, habits=replace(EAGER, pauses=0.2, drops_out=0), seed="t")

    assert not Response.objects.filter(state=State.STARTED).exists()
    took = [response.ended_at - response.started_at for response in Response.objects.all() if response.ended_at]
    assert sum(timedelta(hours=12) < each < timedelta(days=9) for each in took) > 20
    assert sum(each < timedelta(minutes=30) for each in took) > 20


# -- the demo


def test_the_demo_has_a_survey_with_results_and_one_to_answer(partner: Partner) -> None:
    now = STARTS + timedelta(days=27)
    finished = demo_surveys.load_finished(partner=partner, month=astana.month_of(STARTS), now=now)
    running = demo_surveys.load_running(partner=partner, now=now)
    assert finished is not None
    assert running is not None
    bonuses.expire(now=now)

    assert (finished.state, running.state) == ("finished", "running")
    assert Response.objects.filter(survey=finished, state=State.COMPLETED).count() > 60
    assert violated(now) == set()
    stranger = Subscriber.objects.filter(gender="").first() or Subscriber.objects.earliest("pk")
    Subscriber.objects.filter(pk=stranger.pk).update(gender="", birth_date=None)
    stranger.refresh_from_db()
    assert answering.open_to(subscriber=stranger, now=now) == [running]
    assert demo_surveys.load_finished(partner=partner, month=astana.month_of(STARTS), now=now) is None
    assert demo_surveys.load_running(partner=partner, now=now) is None
    assert Survey.objects.count() == 2
