"""A survey from marketing's desk to a telephone and back, in real browsers (S1, S2, B11, M5).

Written with branches in three languages, published, invited, answered in Kazakh with a dropped session, paid, read.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect

from bonuses import lifecycle as bonuses
from core.lib import astana
from enrollment.models import Subscriber, Town
from messaging import outbox
from messaging.models import Message
from smart import tasks
from surveys.models import Response, Survey
from tests.bonuses.conftest import enroll
from tests.e2e.test_deal_to_till import marketing  # noqa: F401
from tests.e2e.test_handset import operator, settle  # noqa: F401

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def noon(movable_clock: Callable[[datetime], None]) -> datetime:
    """Noon of the 3rd of a month in Astana."""
    at = datetime(2026, 12, 3, 7, tzinfo=UTC)
    movable_clock(at)
    return at


@pytest.fixture
def member(noon: datetime, make_subscriber: Callable[..., Subscriber]) -> Subscriber:
    """Somebody of Almaty who reads Kazakh."""
    cache.clear()
    bonuses.make_partitions(now=noon)
    outbox.make_partitions(now=noon)
    outbox.confirm_epoch(by="test", reason="a test database", now=noon)
    person = make_subscriber(language="kk", town=Town.objects.get(code="almaty"), gender="f", birth_date="1995-05-05")
    enroll(person, noon)
    tasks.send_messages()
    return person


@pytest.fixture
def telephone(page: Page, live_server: Any, member: Subscriber, operator: None) -> Page:  # noqa: F811
    """The member's handset, in Kazakh."""
    page.goto(f"{live_server.url}/")
    page.get_by_role("button", name="KK").click()
    page.goto(f"{live_server.url}/handset/")
    return page


def test_a_survey_is_written_asked_answered_paid_and_read(
    telephone: Page,
    marketing: Page,  # noqa: F811
    noon: datetime,
) -> None:
    survey = set_up(marketing, noon)
    write(marketing, survey)
    publish_and_launch(marketing, survey)

    assert tasks.feed_surveys() == 1
    tasks.send_messages()
    tasks.send_messages()
    read_the_invitation(telephone, survey)
    answer_in_kazakh(telephone, survey)
    dial(telephone, "*111*3#", "120")

    read_the_chart(marketing, survey)


def set_up(page: Page, noon: datetime) -> Survey:
    page.goto("/admin/audiences/new/")
    expect(page.locator("[data-reachable]")).to_have_attribute("data-reachable", "1")
    page.locator("#id_name").fill("Everybody")
    page.get_by_role("button", name="Save the audience").click()
    page.goto("/admin/surveys/survey/add/")
    for name, value in {
        "name": "Coffee habits", "title_kk": "Кофе", "title_ru": "Кофе", "title_en": "Coffee", "reward_units": "120"
    }.items():  # fmt: skip
        page.locator(f"[name={name}]").fill(value)
    page.locator("[name=saved_audience]").select_option(label="Everybody")
    page.locator("[name=channels]").select_option("sms")
    local = noon.astimezone(astana.ZONE)
    for name, day in (("starts_at", local), ("ends_at", local + timedelta(days=9))):
        page.locator(f"[name={name}_0]").fill(f"{day:%Y-%m-%d}")
        page.locator(f"[name={name}_1]").fill("12:00:00")
    page.locator("[name=_save]").click()
    expect(page.locator(".errornote, .errorlist, ul.error")).to_have_count(0)
    page.wait_for_url("**/admin/survey/*/**")
    return Survey.objects.get()


def write(page: Page, survey: Survey) -> None:
    """q1 yes or no, no → not eligible; q2 one of three, tea → q4; q3 a scale; q4 a text."""
    page.goto(f"/admin/survey/{survey.pk}/questions/")
    begin = page.get_by_role("button", name="Begin to write")
    if begin.count():
        begin.click()
    question(page, survey, "yes_no", ("Кофе ішесіз бе?", "Вы пьёте кофе?", "Do you drink coffee?"), screening=True)
    question(
        page, survey, "single", ("Қайсысы ұнайды?", "Что вам нравится?", "Which do you like?"),
        (("Латте", "Латте", "Latte"), ("Эспрессо", "Эспрессо", "Espresso"), ("Шай", "Чай", "Tea")),
    )  # fmt: skip
    question(page, survey, "scale", ("Бізді қалай бағалайсыз?", "Как вы нас оцените?", "How do you rate us?"))
    question(page, survey, "text", ("Неге?", "Почему?", "Why?"))
    lead(page, survey, "q1", row=2, to="not_eligible")
    lead(page, survey, "q2", row=3, to="q4")


def question(
    page: Page, survey: Survey, kind: str, texts: tuple[str, ...], choices: tuple[tuple[str, ...], ...] = (), *,
    screening: bool = False,
) -> None:  # fmt: skip
    page.goto(f"/admin/survey/{survey.pk}/questions/new/")
    page.locator("[name$=kind]").select_option(kind)
    expect(page.locator("[name$=kind]")).to_have_value(kind)
    page.wait_for_load_state("networkidle")
    for language, text in zip(("kk", "ru", "en"), texts, strict=True):
        page.locator(f"#fields .sv-fields [name$=text_{language}]").first.fill(text)
    rows = page.locator(".sv-choice")
    for number, choice in enumerate(choices):
        if rows.count() <= number:
            page.get_by_role("button", name="Add a choice").click()
            expect(rows).to_have_count(number + 1)
        for language, text in zip(("kk", "ru", "en"), choice, strict=True):
            rows.nth(number).locator(f"[name$=text_{language}]").fill(text)
    if screening:
        page.locator("[name$=is_screening]").check()
    expect(page.locator("#preview")).to_contain_text(texts[0])
    page.get_by_role("button", name="Save", exact=True).last.click()
    page.wait_for_url(f"**/admin/survey/{survey.pk}/questions/**")
    expect(page.locator(".sv-stops")).to_contain_text(texts[2])


def lead(page: Page, survey: Survey, code: str, *, row: int, to: str) -> None:
    page.goto(f"/admin/survey/{survey.pk}/questions/{code}/")
    page.locator(".sv-choice").nth(row - 1).locator("[name$=then]").select_option(to)
    page.get_by_role("button", name="Save", exact=True).last.click()
    page.wait_for_url(f"**/admin/survey/{survey.pk}/questions/**")


def publish_and_launch(page: Page, survey: Survey) -> None:
    page.goto(f"/admin/survey/{survey.pk}/questions/")
    page.get_by_role("link", name="Publish the questions").click()
    page.get_by_role("button", name="Publish").click()
    page.goto(f"/admin/survey/{survey.pk}/")
    expect(page.locator("[data-reachable]")).to_have_attribute("data-reachable", "1")
    page.get_by_role("link", name="Launch", exact=True).click()
    page.get_by_role("button", name="Launch").click()
    expect(page.locator(".sm-state").first).to_have_text("scheduled")


def read_the_invitation(page: Page, survey: Survey) -> None:
    said = f"SMART «Кофе» сауалнамасы: жауабыңызға 120 бірлік. Теріңіз: {survey.code}"
    expect(page.locator("#inbox li.arrived").first).to_contain_text(said)
    assert Message.objects.get(message_class="survey").state == "delivered"


def answer_in_kazakh(page: Page, survey: Survey) -> None:
    dial(page, survey.code, "Кофе ішесіз бе?\n1 Иә\n2 Жоқ")
    press(page, "7", "Қате.")
    press(page, "1", "Қайсысы ұнайды?")
    page.get_by_role("button", name="Тұтқаны қою").or_(page.locator("#hang-up")).first.click()  # the session drops
    dial(page, "*555*6#", f"{survey.pk} Кофе")
    press(page, str(survey.pk), "Қайсысы ұнайды?\n1 Латте\n2 Эспрессо\n3 Шай")
    press(page, "3", "Неге?")  # tea: the scale is jumped over
    press(page, "00", "Қайсысы ұнайды?")
    press(page, "1", "Бізді қалай бағалайсыз?")
    press(page, "5", "Неге?")
    press(page, "Дәмді", "Жауаптарыңызға рақмет! Сыйақы: 120 бірлік")
    assert Response.objects.get().path == ["q1", "q2", "q3", "q4"]


def dial(page: Page, code: str, shown: str) -> None:
    for key in code:
        page.locator(f"[data-key='{key}']").click()
    page.locator("#call").click()
    expect(page.locator("#ussd")).to_contain_text(shown)
    settle(page)


def press(page: Page, key: str, shown: str) -> None:
    page.locator("#reply").fill(key)
    page.locator("#reply").press("Enter")
    expect(page.locator("#ussd")).to_contain_text(shown)
    settle(page)


def read_the_chart(page: Page, survey: Survey) -> None:
    page.goto(f"/admin/survey/{survey.pk}/results/")
    expect(page.locator("canvas").first).to_be_visible()
    expect(page.locator("main, #content, body").first).to_contain_text("Latte")
