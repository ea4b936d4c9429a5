"""The demo's surveys: one that is over and has results, one that can be answered now."""

from datetime import date, datetime, timedelta
from typing import Any

from campaigns.models import Partner
from core.lib.languages import LANGUAGES
from enrollment.models import Channel, Fact, Interest
from smart.local import answers_at_once, simulated
from smart.local.respondents import Habits
from surveys.fieldwork import lifecycle
from surveys.models import Choice, Question, Quota, Survey, Version
from surveys.questionnaire import drafting

Kind = Question.Kind
HABITS = Habits(takes_part=0.55)
_SEED = "demo"
_BY = "staff:marketing"
_AGES = ((18, 34), (35, 54), (55, 120))


def load_finished(*, partner: Partner, month: date, now: datetime) -> Survey | None:
    """Lunches out, asked in a month that is over; its members have joined. None when there is a survey already."""
    if Survey.objects.exists():
        return None
    starts = simulated.noon(month.replace(day=4))
    survey = launch(LUNCH, partner, starts=starts, days=7, wanted=(160, 330, 260, 400), now=starts)
    simulated.deliver(now=starts, seed=_SEED)
    answers_at_once.write(survey=survey, now=survey.ends_at, habits=HABITS, seed=_SEED)
    lifecycle.feed(now=survey.ends_at)
    survey.refresh_from_db()
    return survey


def load_running(*, partner: Partner, now: datetime) -> Survey | None:
    """Coffee nearby, open to every member from yesterday on: `*555*6#`. None when it has been made.

    Invitations leave slowly, so that a telephone on the handset page sees one come now and then.
    """
    if Survey.objects.filter(name=COFFEE["survey"]["name"]).exists():
        return None
    starts = now - timedelta(days=1)
    return launch(COFFEE, partner, starts=starts, days=30, wanted=(700, 900, 500, 1_000), now=now, rate=30)


def launch(
    said: dict[str, Any],
    partner: Partner,
    *,
    starts: datetime,
    days: int,
    wanted: tuple[int, int, int, int],
    now: datetime,
    rate: int | None = None,
) -> Survey:
    """Write it the day before, publish its questions, launch it and invite."""
    made_at = starts - timedelta(days=1)
    survey = Survey.objects.create(
        **said["survey"],
        languages=list(LANGUAGES),
        channels=[Channel.SMS, Channel.USSD],
        starts_at=starts,
        ends_at=starts + timedelta(days=days),
        rate_per_minute=rate,
        reward_units=100,
        sponsor=partner,
        created_by=_BY,
        created_at=made_at,
    )
    _quotas(survey, wanted)
    version = drafting.new_draft(survey=survey, by=_BY, now=made_at)
    write_questions(version, said["questions"])
    drafting.publish(version=version, by=_BY, now=made_at)
    lifecycle.launch(survey=survey, by=_BY, now=now)
    lifecycle.feed(now=now)
    survey.refresh_from_db()
    return survey


def _quotas(survey: Survey, wanted: tuple[int, int, int, int]) -> None:
    """Gender × age; who falls under neither is of the rest."""
    *by_age, rest = wanted
    for gender in ("f", "m"):
        for (low, high), count in zip(_AGES, by_age, strict=True):
            Quota.objects.create(survey=survey, gender=gender, age_from=low, age_to=high, wanted=count)
    Quota.objects.create(survey=survey, wanted=rest)


def write_questions(version: Version, questions: list[dict[str, Any]]) -> None:
    """Put questions into a draft version."""
    interests = {interest.code: interest for interest in Interest.objects.all()}
    for position, said in enumerate(questions, 1):
        kk, ru, en = said["text"]
        more = {name: said[name] for name in ("low", "high", "is_screening", "then") if name in said}
        question = Question.objects.create(
            version=version, position=position, code=said["code"], kind=said["kind"], text_kk=kk, text_ru=ru,
            text_en=en, **more,
        )  # fmt: skip
        fact = _fact(*said["fact"]) if "fact" in said else None
        choices = []
        for value, option in enumerate(said.get("choices", ()), 1):
            texts = dict(zip(("text_kk", "text_ru", "text_en"), option.get("text", ("", "", "")), strict=True))
            tells = option.get("tells", "")
            choices.append(
                Choice(
                    question=question,
                    value=option.get("value", value),
                    **texts,
                    low=option.get("low"),
                    high=option.get("high"),
                    then=option.get("then", ""),
                    fact=fact if tells else None,
                    fact_value=tells,
                    interest=interests.get(option.get("interest", "")),
                )
            )
        Choice.objects.bulk_create(choices)


def _fact(code: str, label: str, values: list[str]) -> Fact:
    return Fact.objects.get_or_create(code=code, defaults={"label": label, "values": values})[0]


_NO_MATTER = {"value": 2, "then": "not_eligible"}
LUNCH: dict[str, Any] = {
    "survey": {
        "name": "Обеды вне дома",
        "title_kk": "Сырттағы түскі ас",
        "title_ru": "Обеды вне дома",
        "title_en": "Lunches out",
        "invitation_kk": "SMART сауалнамасы «{title}»: жауабыңызға {units} бірлік.",
        "invitation_ru": "Опрос SMART «{title}»: {units} единиц за ответы.",
        "invitation_en": "SMART survey “{title}”: {units} units for your answers.",
    },
    "questions": [
        {
            "code": "eats_out",
            "kind": Kind.YES_NO,
            "is_screening": True,
            "text": (
                "Аптасына бір рет болса да сыртта түскі ас ішесіз бе?",
                "Обедаете вне дома хотя бы раз в неделю?",
                "Do you have lunch out at least once a week?",
            ),
            "choices": [_NO_MATTER],
        },
        {
            "code": "place",
            "kind": Kind.SINGLE,
            "text": ("Көбіне қайда?", "Где чаще всего?", "Where most often?"),
            "choices": [
                {"text": ("Кафеде", "В кафе", "A café"), "interest": "food"},
                {"text": ("Асханада", "В столовой", "A canteen")},
                {"text": ("Фастфудта", "В фастфуде", "Fast food")},
                {"text": ("Жеткізуге тапсырыс", "Заказываю доставку", "I order delivery"), "then": "spends"},
            ],
        },
        {
            "code": "matters",
            "kind": Kind.SEVERAL,
            "text": ("Сіз үшін не маңызды?", "Что для вас важно?", "What matters to you?"),
            "choices": [
                {"text": ("Бағасы", "Цена", "Price")},
                {"text": ("Дәмі", "Вкус", "Taste")},
                {"text": ("Жылдамдығы", "Скорость", "Speed")},
                {"text": ("Жақын болуы", "Близость", "It is near")},
            ],
        },
        {
            "code": "spends",
            "kind": Kind.NUMBER,
            "low": 0,
            "high": 20_000,
            "text": (
                "Түскі асқа қанша теңге жұмсайсыз?",
                "Сколько тенге тратите на обед?",
                "How many tenge do you spend on lunch?",
            ),
        },
        {
            "code": "recommends",
            "kind": Kind.SCALE,
            "low": 0,
            "high": 10,
            "text": (
                "«Арбатты» достарыңызға ұсынасыз ба? 10 - әрине",
                "Посоветуете «Арбат» друзьям? 10 - точно да",
                "Would you recommend Arbat to friends? 10 - surely",
            ),
            "choices": [{"low": 9, "high": 10, "then": "end"}],
        },
        {
            "code": "better",
            "kind": Kind.TEXT,
            "text": ("Нені жақсартқан жөн?", "Что нам улучшить?", "What could be better?"),
        },
    ],
}
COFFEE: dict[str, Any] = {
    "survey": {
        "name": "Кофе рядом",
        "title_kk": "Жақын маңдағы кофе",
        "title_ru": "Кофе рядом",
        "title_en": "Coffee nearby",
        "invitation_kk": "SMART сауалнамасы «{title}»: жауабыңызға {units} бірлік.",
        "invitation_ru": "Опрос SMART «{title}»: {units} единиц за ответы.",
        "invitation_en": "SMART survey “{title}”: {units} units for your answers.",
    },
    "questions": [
        {
            "code": "buys",
            "kind": Kind.YES_NO,
            "is_screening": True,
            "text": (
                "Кофе немесе шайды өзіңізбен алып кетесіз бе?",
                "Берёте кофе или чай с собой?",
                "Do you buy coffee or tea to go?",
            ),
            "choices": [_NO_MATTER],
        },
        {
            "code": "drink",
            "kind": Kind.SINGLE,
            "text": ("Көбіне не аласыз?", "Что берёте чаще?", "What do you get most often?"),
            "choices": [
                {"text": ("Кофе", "Кофе", "Coffee"), "interest": "coffee"},
                {"text": ("Шай", "Чай", "Tea"), "then": "cups"},
                {"text": ("Какао, басқа", "Какао, другое", "Cocoa, other"), "then": "cups"},
            ],
        },
        {
            "code": "kinds",
            "kind": Kind.SEVERAL,
            "text": ("Қандай кофені ұнатасыз?", "Какой кофе любите?", "Which coffee do you like?"),
            "choices": [
                {"text": ("Капучино", "Капучино", "Cappuccino")},
                {"text": ("Латте", "Латте", "Latte")},
                {"text": ("Американо", "Американо", "Americano")},
                {"text": ("Эспрессо", "Эспрессо", "Espresso")},
            ],
        },
        {
            "code": "cups",
            "kind": Kind.NUMBER,
            "low": 0,
            "high": 50,
            "text": ("Аптасына неше рет аласыз?", "Сколько раз в неделю?", "How many times a week?"),
        },
        {
            "code": "travels",
            "kind": Kind.SINGLE,
            "fact": ("travels", "Как добирается", ["car", "bus", "taxi", "walk"]),
            "text": ("Жұмысқа немен барасыз?", "Как добираетесь на работу?", "How do you get to work?"),
            "choices": [
                {"text": ("Көлігіммен", "На своей машине", "By my car"), "tells": "car", "interest": "auto"},
                {"text": ("Автобуспен", "На автобусе", "By bus"), "tells": "bus"},
                {"text": ("Таксимен", "На такси", "By taxi"), "tells": "taxi", "interest": "transport"},
                {"text": ("Жаяу", "Пешком", "On foot"), "tells": "walk"},
            ],
        },
        {
            "code": "recommends",
            "kind": Kind.SCALE,
            "low": 0,
            "high": 10,
            "text": (
                "«Арбатты» достарыңызға ұсынасыз ба? 10 - әрине",
                "Посоветуете «Арбат» друзьям? 10 - точно да",
                "Would you recommend Arbat to friends? 10 - surely",
            ),
            "choices": [{"low": 9, "high": 10, "then": "end"}],
        },
        {
            "code": "better",
            "kind": Kind.TEXT,
            "text": ("Нені жақсартқан жөн?", "Что нам улучшить?", "What could be better?"),
        },
    ],
}
