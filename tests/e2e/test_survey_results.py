"""Results of a survey in a real browser: charts, filters in the address, a file; and its sponsor's page."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from playwright.sync_api import Page, expect

from campaigns.models import Partner
from enrollment.models import Town
from messaging import outbox
from smart.backoffice import roles
from surveys.models import Survey
from surveys.results import exporting, publishing
from tests.campaigns.portal.conftest import person
from tests.e2e import console
from tests.surveys.conftest import make_member, make_survey
from tests.surveys.results import respond

__all__ = ["make_member", "make_survey"]
pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
PASSWORD = "long enough a word"
SHOTS = os.environ.get("SHOTS", "")  # a folder for screenshots, to be looked at by people
LANGUAGE = os.environ.get("SHOTS_LANGUAGE", "ru")
YES, NO = 1, 2


@pytest.fixture
def noon(now: datetime, stand_at: Callable[[datetime], None]) -> None:
    """The programme's clock stands."""
    stand_at(now)
    outbox.make_partitions(now=now)


@pytest.fixture
def survey(
    db: None, noon: None, now: datetime, make_survey: Callable[..., Survey], make_member: Callable[..., Any]
) -> Survey:
    """Three hundred of three towns, some fast."""
    partner = Partner.objects.create(name="Arbat Coffee", slug="arbat", created_at=now)
    survey = make_survey(sponsor=partner)
    towns = [Town.objects.get(code=code) for code in ("almaty", "astana", "shymkent")]
    for number in range(60):
        answers: dict[str, int | str] = {
            "drinks": YES, "cups": number % 9, "likes": (number % 7 + 1) << 1, "score": (number * 7) % 11
        }  # fmt: skip
        if number % 3 == 0:
            answers["why"] = "Уютно, рядом с домом и вкусный латте"
        respond(survey, answers, now=now, times=5, town=towns[number % 3], gender="mf"[number % 2], age=18 + number,
                is_fast=number % 20 == 0, language=["kk", "ru"][number % 2])  # fmt: skip
    respond(survey, {"drinks": NO}, now=now, times=40, state="screened_out")
    respond(survey, {"drinks": YES}, now=now, times=25, state="started", waits="cups")
    for gender in "ffmmm":
        make_member(gender=gender, town=towns[0])
    publishing.publish(survey=survey, now=now)
    return survey


@pytest.fixture(autouse=True)
def quiet(page: Page, settings: Any, tmp_path: Path) -> Iterator[None]:
    """Nothing amiss in the console."""
    settings.MEDIA_ROOT = str(tmp_path)
    cache.clear()
    complaints = console.complaints(page)
    page.set_extra_http_headers({"Accept-Language": LANGUAGE})
    yield
    page.goto("about:blank")
    assert complaints == []


def shoot(page: Page, name: str) -> None:
    """Keep what the page looks like, wide and narrow, when somebody wants to look; nothing sticks out of either."""
    for width, size in ((1280, "wide"), (390, "narrow")):
        page.set_viewport_size({"width": width, "height": 900})
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"results-{name}-{size}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, size)
    page.set_viewport_size({"width": 1280, "height": 900})


def test_marketing_reads_filters_crosses_and_takes_a_file(
    page: Page, live_server: object, survey: Survey, now: datetime
) -> None:
    roles.load()
    user = User.objects.create_user("aidana", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="marketing"))
    page.goto("/admin/login/")
    page.locator("[name=username]").fill("aidana")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url("**/admin/")

    page.goto(f"/admin/survey/{survey.pk}/results/")
    expect(page.locator("canvas")).to_have_count(4)
    drawn = page.locator("#likes canvas").evaluate(
        "one => Chart.getChart(one).data.datasets.map(set => set.data.length)"
    )
    assert drawn == [3, 3]
    shoot(page, "page")

    page.locator(".sr-form summary").click()
    page.locator("[name=gender][value=f]").check()
    page.locator("[name=fast]").check()
    page.locator("[name=weights]").select_option("members")
    shoot(page, "filters")
    page.locator(".sr-form button").click()
    page.wait_for_url("**gender=f**")
    expect(page.locator(".sr-filter")).to_have_count(3)
    expect(page.locator("[name=gender][value=f]")).to_be_checked()
    shoot(page, "weighted")

    page.goto(f"/admin/survey/{survey.pk}/results/cross/?row=likes&by=age")
    expect(page.locator("tbody tr")).to_have_count(4)
    shoot(page, "cross")
    page.goto(f"/admin/survey/{survey.pk}/results/texts/why/?q=ЛАТТЕ")
    expect(page.locator("tbody tr")).to_have_count(50)
    shoot(page, "texts")

    page.goto(f"/admin/survey/{survey.pk}/results/")
    page.get_by_role("button", name="SPSS").click()
    expect(page.locator("#bar progress")).to_be_visible()
    shoot(page, "bar")
    exporting.make_waiting(now=now)
    with page.expect_download() as download:
        page.locator("a[href$='/fetch/']").click()
    assert download.value.suggested_filename == f"survey-{survey.pk}.sav"


def test_a_sponsor_reads_its_survey(page: Page, live_server: object, survey: Survey) -> None:
    person(Partner.objects.get(), "dana", "owner", password=PASSWORD)
    page.goto("/partners/surveys/")
    page.locator("[name=login]").fill("dana@arbat.example")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url("**/partners/surveys/")
    shoot(page, "sponsor-list")

    page.locator("table a").click()

    expect(page.locator("section.card")).to_have_count(4)
    shoot(page, "sponsor")
