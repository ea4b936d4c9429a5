"""A pushed invitation answered with the handset's own keys, in Kazakh (S1)."""

import pytest
from playwright.sync_api import expect

from surveys.models import Answer, Response
from tests.e2e import console
from tests.e2e.test_handset import press
from tests.local.test_handset_answering import invited  # noqa: F401
from tests.messaging.conftest import noon  # noqa: F401
from tests.surveys.conftest import make_member, make_survey  # noqa: F401

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def test_a_pushed_survey_is_answered_on_the_phone(page, live_server, invited):  # noqa: F811
    complaints = console.complaints(page)
    page.goto(f"{live_server.url}/")
    page.get_by_role("button", name="KK").click()
    page.goto(f"{live_server.url}/handset/")

    page.locator("#inbox").get_by_role("button", name="Жауап беру").click()
    expect(page.locator("#ussd")).to_contain_text("1 Бастау")
    press(page, "1", "Кофе ішесіз бе?")
    press(page, "9", "Қате.")
    press(page, "1", "Күніне неше кесе?")
    press(page, "0", "Бізді досыңызға")
    press(page, "10", "Сыйақы: 100 бірлік")

    expect(page.locator("#reply-label")).to_be_hidden()
    assert Response.objects.get().state == "completed"
    assert Answer.objects.count() == 3
    page.goto("about:blank")  # it asks for the time every second
    assert complaints == []
