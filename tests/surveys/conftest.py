"""A survey about coffee: do you drink it, how much, what do you like, how good are we, why."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from enrollment import consent
from enrollment.models import Channel, Subscriber
from smart import programme
from surveys.fieldwork import lifecycle
from surveys.models import Choice, Question, Survey, Version
from surveys.questionnaire import drafting

Kind = Question.Kind
# (code, kind, what is asked, choices or branches, more)
COFFEE: list[tuple[str, str, dict[str, str], list[dict[str, Any]], dict[str, Any]]] = [
    (
        "drinks",
        Kind.YES_NO,
        {"kk": "Кофе ішесіз бе?", "ru": "Вы пьёте кофе?", "en": "Do you drink coffee?"},
        [{"value": 2, "then": "not_eligible"}],
        {"is_screening": True},
    ),
    (
        "cups",
        Kind.NUMBER,
        {"kk": "Күніне неше кесе?", "ru": "Сколько чашек в день?", "en": "How many cups a day?"},
        [{"value": 1, "low": 0, "high": 0, "then": "score"}],
        {"low": 0, "high": 20},
    ),
    (
        "likes",
        Kind.SEVERAL,
        {"kk": "Не ұнайды?", "ru": "Что вы любите?", "en": "What do you like?"},
        [
            {"value": 1, "text_kk": "Латте", "text_ru": "Латте", "text_en": "Latte"},
            {"value": 2, "text_kk": "Эспрессо", "text_ru": "Эспрессо", "text_en": "Espresso"},
            {"value": 3, "text_kk": "Раф", "text_ru": "Раф", "text_en": "Raf"},
        ],
        {},
    ),
    (
        "score",
        Kind.SCALE,
        {"kk": "Бізді досыңызға ұсынасыз ба?", "ru": "Посоветуете нас другу?", "en": "Would you recommend us?"},
        [{"value": 1, "low": 9, "high": 10, "then": "end"}],
        {"low": 0, "high": 10},
    ),
    (
        "why",
        Kind.TEXT,
        {"kk": "Неге?", "ru": "Почему?", "en": "Why?"},
        [],
        {},
    ),
]


def write(version: Version, questions: list[Any] = COFFEE) -> None:
    """Put questions into a draft version."""
    for position, (code, kind, texts, choices, more) in enumerate(questions, 1):
        question = Question.objects.create(
            version=version,
            position=position,
            code=code,
            kind=kind,
            **{f"text_{language}": text for language, text in texts.items()},
            **more,
        )
        Choice.objects.bulk_create(Choice(question=question, **choice) for choice in choices)


def answered_survey(member: Subscriber, now: datetime) -> Survey:
    """A running survey of one question that the member has answered, rewarded."""
    survey = Survey.objects.create(
        name="Coffee", languages=["ru"], channels=["sms"], starts_at=now - timedelta(hours=1),
        ends_at=now + timedelta(days=10), created_by="staff:asel", created_at=now,
    )  # fmt: skip
    version = drafting.new_draft(survey=survey, by="staff:asel", now=now)
    write(version, [("cups", Kind.NUMBER, {"ru": "Сколько?"}, [], {"low": 0, "high": 9})])
    drafting.publish(version=version, by="staff:asel", now=now)
    lifecycle.launch(survey=survey, by="staff:asel", now=now)
    lifecycle.feed(now=now)
    standing = programme.begin_survey(
        survey_id=survey.pk, subscriber=member, channel=Channel.USSD, language="ru", now=now
    )
    programme.answer_survey(
        response_id=standing.response_id, subscriber_id=member.pk, turn=standing.turn, key="2", now=now
    )
    return survey


@pytest.fixture
def make_survey(db: None, now: datetime) -> Callable[..., Survey]:
    """A factory of surveys, running unless said otherwise; keywords change its fields."""

    def make(*, state: str = "running", questions: list[Any] = COFFEE, **fields: Any) -> Survey:
        usual = {
            "name": "Coffee",
            "title_kk": "Кофе",
            "title_ru": "Кофе",
            "title_en": "Coffee",
            "languages": ["kk", "ru", "en"],
            "channels": ["sms"],
            "starts_at": now - timedelta(hours=1),
            "ends_at": now + timedelta(days=10),
            "reward_units": 100,
            "created_by": "staff:asel",
            "created_at": now,
        }
        survey = Survey.objects.create(**usual | fields)
        version = drafting.new_draft(survey=survey, by="staff:asel", now=now)
        write(version, questions)
        if state == "draft":
            return survey
        drafting.publish(version=version, by="staff:asel", now=now)
        survey = lifecycle.launch(survey=survey, by="staff:asel", now=now)
        if state == "running":
            lifecycle.feed(now=now)
        survey.refresh_from_db()
        return survey

    return make


@pytest.fixture
def make_member(make_subscriber: Callable[..., Subscriber], now: datetime) -> Callable[..., Subscriber]:
    """A factory of members who joined a day ago."""

    def make(**fields: Any) -> Subscriber:
        subscriber = make_subscriber(**fields)
        shown = consent.ShownConsent(consent.current_consent_text(), subscriber.language)
        programme.enroll(
            subscriber=subscriber, shown=shown, session="s", key="1", by="ussd:t", now=now - timedelta(days=1)
        )
        return subscriber

    return make
