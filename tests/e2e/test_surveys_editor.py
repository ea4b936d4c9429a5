"""Marketing writes a survey in a real browser: set up, asked, previewed as one types, tried, published, launched (S1).

axe-core reads every page on the way (npm installs it beside the tests' SMSC); without it that one test is skipped.
"""

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from playwright.sync_api import Page, expect

from bonuses import lifecycle as bonuses
from core.lib import astana
from enrollment.models import SavedAudience, Subscriber, Town
from messaging import outbox
from messaging.models import Message
from smart.backoffice import roles
from smart.local.bootstrap import SMSC
from surveys.fieldwork import lifecycle
from surveys.models import Quota, Response, Survey
from surveys.questionnaire import drafting, scripts
from tests.bonuses.conftest import enroll
from tests.e2e import console
from tests.surveys.conftest import make_survey

__all__ = ["make_survey"]
pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
PASSWORD = "long enough a word"
AXE = SMSC / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = os.environ.get("SHOTS", "")  # a folder for screenshots, to be looked at by people
WIDTHS = ((1280, "wide"), (390, "narrow"))


@pytest.fixture
def noon(now: datetime, stand_at: Callable[[datetime], None]) -> datetime:
    """The programme's clock stands at a Monday noon, inside the window."""
    stand_at(now)
    return now


@pytest.fixture
def members(noon: datetime, make_subscriber: Callable[..., Subscriber]) -> list[Subscriber]:
    """Two who read Russian, one who reads Kazakh."""
    bonuses.make_partitions(now=noon)
    outbox.make_partitions(now=noon)
    people = [make_subscriber(language=language, gender="f") for language in ("ru", "ru", "kk")]
    for person in people:
        enroll(person, noon - timedelta(days=1))
    return people


@pytest.fixture
def desk(page: Page, live_server: object, members: list[Subscriber], noon: datetime) -> Iterator[Page]:
    """Signed in as marketing, reading English, with nothing amiss in the console."""
    cache.clear()
    scripts.forget()
    roles.load()
    SavedAudience.objects.create(name="Everybody", created_by="x", created_at=noon, changed_at=noon)
    user = User.objects.create_user("aidana", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="marketing"))
    complaints = console.complaints(page)
    page.set_extra_http_headers({"Accept-Language": "en"})
    page.goto("/admin/login/")
    page.locator("[name=username]").fill("aidana")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url("**/admin/")
    yield page
    page.goto("about:blank")
    assert complaints == []


def test_marketing_writes_tries_publishes_and_launches(desk: Page, noon: datetime) -> None:
    set_up(desk, noon)
    survey = Survey.objects.get()
    write(desk, survey)
    try_it(desk, survey)
    publish_and_launch(desk, survey)

    lifecycle.feed(now=noon)
    assert Message.objects.filter(message_class="survey").count() == 3
    assert not Response.objects.exists()


def set_up(page: Page, noon: datetime) -> None:
    page.goto("/admin/surveys/survey/add/")
    today = noon.astimezone(astana.ZONE)
    page.locator("[name=name]").fill("Coffee")
    for code, title in (("kk", "Кофе туралы"), ("ru", "О кофе"), ("en", "About coffee")):
        page.locator(f"[name=title_{code}]").fill(title)
    page.locator("[name=saved_audience]").select_option(label="Everybody")
    for name, day in (("starts_at", today), ("ends_at", today + timedelta(days=5))):
        page.locator(f"[name={name}_0]").fill(f"{day:%Y-%m-%d}")
        page.locator(f"[name={name}_1]").fill("12:00:00")
    page.locator("[name=_save]").click()
    page.wait_for_url("**/admin/survey/*/")
    expect(page.locator("body")).to_contain_text("there is no question yet")
    expect(page.locator("[data-reachable]")).to_have_attribute("data-reachable", "3")


def write(page: Page, survey: Survey) -> None:
    """The first question by the mouse, the second by the keyboard alone."""
    page.goto(f"/admin/survey/{survey.pk}/questions/new/")
    fill(page, "Кофе ішесіз бе?", "Вы пьёте кофе?", "Do you drink coffee?")
    page.locator("[name=kind]").select_option("yes_no")
    expect(page.locator("legend").first).to_have_text("Yes")
    expect(page.locator("[name=text_ru]")).to_have_value("Вы пьёте кофе?")  # what was typed stays
    page.locator("[name=row-1-then]").select_option("not_eligible")
    expect(page.locator("#preview")).to_contain_text("only a screening question may end as not eligible")
    page.locator("[name=is_screening]").check()
    expect(page.locator("#preview")).not_to_contain_text("only a screening question")
    expect(page.locator(".sv-screen[lang=ru]")).to_have_text("Вы пьёте кофе?\n1 Да\n2 Нет")
    page.get_by_role("button", name="Save and write another").click()

    page.wait_for_url("**/questions/new/")
    page.locator("[name=text_kk]").focus()
    for text in ("Не ұнайды?", "Что вы любите?", "What do you like?"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    for texts in (("Латте", "Латте", "Latte"), ("Раф", "Раф", "Raf")):
        for text in texts:
            page.keyboard.type(text)
            page.keyboard.press("Tab")
        for _field in ("leads to", "tells", "interest"):
            page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="One place up Choice 2")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Add a choice")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[name=row-2-text_kk]")).to_be_focused()
    expect(page.locator(".sv-screen[lang=en]")).to_contain_text("3")  # redrawn with the new row
    for text in ("Шай", "Чай", "Tea"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    expect(page.locator(".sv-screen[lang=en]")).to_have_text("What do you like?\n1 Latte\n2 Raf\n3 Tea\n00 Back")
    expect(page.locator(".sv-room").last).to_contain_text("GSM-7: ")
    page.locator("[name=row-2-text_en]").press("Enter")  # saves
    page.wait_for_url("**/questions/")
    assert [one.code for one in scripts.of(survey.versions.get()).items] == ["q1", "q2"]


def fill(page: Page, *texts: str) -> None:
    for code, text in zip(("kk", "ru", "en"), texts, strict=True):
        page.locator(f"[name=text_{code}]").fill(text)


def try_it(page: Page, survey: Survey) -> None:
    page.goto(f"/admin/survey/{survey.pk}/try/")
    page.locator("#language").select_option("en")
    page.get_by_role("button", name="Begin").click()
    expect(page.locator(".sv-ussd")).to_have_text("Do you drink coffee?\n1 Yes\n2 No")
    expect(page.locator("input[name=key]")).to_be_focused()
    page.keyboard.type("5")
    page.keyboard.press("Enter")
    expect(page.locator(".sv-ussd")).to_contain_text("Wrong key.")
    page.locator("[data-key='1']").click()
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".sv-ussd")).to_contain_text("What do you like?")
    page.get_by_role("button", name="00 Back").click()
    expect(page.locator(".sv-ussd")).to_contain_text("Do you drink coffee?")
    expect(page.locator("input[name=key]")).to_be_focused()
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    expect(page.locator(".sv-ussd")).to_contain_text("What do you like?")
    expect(page.locator("input[name=key]")).to_be_focused()
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    expect(page.locator(".sv-ussd")).to_contain_text("Thank you for your answers!")
    expect(page.locator(".sv-path li")).to_have_count(2)


def publish_and_launch(page: Page, survey: Survey) -> None:
    page.goto(f"/admin/survey/{survey.pk}/questions/")
    page.get_by_role("link", name="Publish the questions").click()
    page.get_by_role("button", name="Publish the questions").click()
    expect(page.locator("body")).to_contain_text("The questions are published.")
    expect(page.locator("body")).to_contain_text("units at stake")
    page.get_by_role("link", name="Launch").click()
    page.get_by_role("button", name="Launch").click()
    expect(page.locator(".sm-state")).to_have_text("scheduled")


@pytest.fixture
def pages(make_survey: Callable[..., Survey], noon: datetime, members: list[Subscriber]) -> dict[str, str]:
    """Every page of a draft, and of one that runs with a correction being written; by their names."""
    draft = make_survey(state="draft", name="Кофе", channels=["sms", "ussd"], reward_units=None)
    running = make_survey(name="Кофе и чай")
    for town in Town.objects.all()[:2]:
        Quota.objects.create(survey=draft, town=town, age_from=18, age_to=34, wanted=200)
        Quota.objects.create(survey=running, town=town, gender="f", wanted=200, taken=70)
    Response.objects.create(
        survey=running, version=running.versions.get(), subscriber=members[0], language="ru", channel="ussd",
        state="completed", started_at=noon, asked_at=noon, ended_at=noon, units=100,
    )  # fmt: skip
    drafting.new_draft(survey=running, by="staff:asel", now=noon)
    of_draft, of_running = f"/admin/survey/{draft.pk}/", f"/admin/survey/{running.pk}/"
    return {
        "list": "/admin/surveys/survey/",
        "add": "/admin/surveys/survey/add/",
        "change": f"/admin/surveys/survey/{draft.pk}/change/",
        "change-running": f"/admin/surveys/survey/{running.pk}/change/",
        "page": of_draft,
        "page-running": of_running,
        "cells": f"{of_draft}cells/",
        "questions": f"{of_draft}questions/",
        "questions-published": f"{of_running}questions/?version=1",
        "new": f"{of_draft}questions/new/",
        "number": f"{of_draft}questions/cups/",
        "several": f"{of_draft}questions/likes/",
        "several-published": f"{of_running}questions/likes/",
        "text": f"{of_draft}questions/why/",
        "try": f"{of_draft}try/",
        "delete": f"{of_draft}questions/score/delete/",
        "publish": f"{of_draft}questions/publish/",
        "choose": "/admin/survey/try/",
    }


def settled(page: Page, address: str) -> None:
    """The page with the pieces that come later."""
    page.goto(address)
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_nothing_sticks_out_of_a_wide_or_narrow_window(
    make_survey: Callable[..., Survey], desk: Page, pages: dict[str, str], language: str
) -> None:
    desk.set_extra_http_headers({"Accept-Language": language})
    for name, address in pages.items():
        settled(desk, address)
        if name == "try":
            desk.locator(".sv-begin button").click()
            expect(desk.locator(".sv-ussd")).not_to_be_empty()
        for width, size in WIDTHS:
            desk.set_viewport_size({"width": width, "height": 900})
            if SHOTS:
                desk.screenshot(path=Path(SHOTS) / f"survey-{name}-{language}-{size}.png", full_page=True)
            assert desk.evaluate("document.documentElement.scrollWidth") <= width, (name, size)


@pytest.mark.skipif(not AXE.exists(), reason="npm could not install axe-core")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(desk: Page, pages: dict[str, str], scheme: Any) -> None:
    desk.emulate_media(color_scheme=scheme)
    found = []
    for name, address in pages.items():
        settled(desk, address)
        if name == "try":
            desk.locator(".sv-begin button").click()
            expect(desk.locator(".sv-ussd")).not_to_be_empty()
        desk.evaluate(AXE.read_text(encoding="utf-8"))
        told = desk.evaluate("axe.run(document.querySelector('#content')).then((result) => result.violations)")
        found += [
            (name, one["id"], one["nodes"][0]["html"][:200]) for one in told if one["impact"] in ("serious", "critical")
        ]
    assert found == [], "\n".join(map(str, found))
