"""The page for tills: one field, an answer in big words, and a reload that redeems nothing more."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from campaigns.codes import pool
from campaigns.models import Offer, Partner, PartnerMember, Redemption
from tests.campaigns.conftest import NOW

pytestmark = pytest.mark.django_db
PAGE = "/partners/redeem/"


@pytest.fixture(autouse=True)
def _december(stand_at: Callable[[datetime], None]) -> None:
    stand_at(datetime.fromisoformat("2026-12-05T12:00:00+05:00"))


@pytest.fixture
def sign_in() -> Callable[..., Client]:
    """A browser of a partner's person."""

    def make(partner: Partner, *, role: str = "viewer", language: str = "en", **options: Any) -> Client:
        user = User.objects.create_user(f"{partner.slug}-{role}", f"{role}@{partner.slug}.example")
        PartnerMember.objects.create(user=user, partner=partner, role=role, joined_at=NOW)
        browser = Client(**options)
        browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        browser.cookies["language"] = language
        return browser

    return make


@pytest.fixture(autouse=True)
def offer(make_offer: Callable[..., Offer]) -> Offer:
    return make_offer("approved", codes="shared", shared_code="ARBAT30", text_ru="Код {code}", text_kk="", discount=30)


def receipt(page: Any) -> str:
    found = re.search(r'name="receipt" value="([^"]+)"', page.content.decode())
    assert found
    return found[1]


@pytest.mark.parametrize("role", ["viewer", "editor", "owner"])
def test_every_role_redeems(partner: Partner, sign_in: Callable[..., Client], role: str) -> None:
    answer = sign_in(partner, role=role).post(PAGE, {"code": "arbat 30"})

    text = answer.content.decode()
    assert answer.status_code == 200
    assert 'role="status"' in text
    assert "Redeemed" in text
    assert "Скидка 30% на всё меню" in text
    assert "−30 %" in text
    assert "10.12.2026" in text
    assert Redemption.objects.get().by == f"partner:arbat-{role}"


def test_a_refusal_is_an_alert_that_keeps_what_was_typed(partner: Partner, sign_in: Callable[..., Client]) -> None:
    answer = sign_in(partner).post(PAGE, {"code": '"><b>KB3H'})

    text = answer.content.decode()
    assert answer.status_code == 409
    assert 'role="alert"' in text
    assert "Not redeemed" in text
    assert 'value="&quot;&gt;&lt;b&gt;KB3H"' in text


@pytest.mark.parametrize(
    ("language", "good", "bad"), [("kk", "Қабылданды", "Қабылданбады"), ("ru", "Принят", "Не принят")]
)
def test_it_speaks_the_tills_language(
    partner: Partner, sign_in: Callable[..., Client], language: str, good: str, bad: str
) -> None:
    browser = sign_in(partner, language=language)

    assert good in browser.post(PAGE, {"code": "ARBAT30"}).content.decode()
    assert bad in browser.post(PAGE, {"code": "ARBAT31"}).content.decode()


def test_a_second_press_or_a_reload_redeems_once(partner: Partner, sign_in: Callable[..., Client]) -> None:
    browser = sign_in(partner)
    page = browser.get(PAGE)

    answers = [browser.post(PAGE, {"code": "ARBAT30", "receipt": receipt(page)}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert Redemption.objects.count() == 1
    browser.post(PAGE, {"code": "ARBAT30", "receipt": receipt(answers[0])})  # the next customer
    assert Redemption.objects.count() == 2


@pytest.mark.parametrize("made_up", ["", "1", "till:short", "till:" + "x" * 100, "till:xxxxxxxxxxxxxxx\x00"])
def test_a_receipt_that_is_not_the_pages_counts_for_nothing(
    partner: Partner, sign_in: Callable[..., Client], made_up: str
) -> None:
    sign_in(partner).post(PAGE, {"code": "ARBAT30", "receipt": made_up})

    assert Redemption.objects.get().receipt == ""


def test_guessing_ends_with_a_time_to_wait(partner: Partner, sign_in: Callable[..., Client]) -> None:
    browser = sign_in(partner)
    for code in pool.generate(10):
        browser.post(PAGE, {"code": code})

    answer = browser.post(PAGE, {"code": "ARBAT30"})

    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    assert "Try again in 1 min" in answer.content.decode()


def test_another_partners_person_is_told_nothing(stranger: Partner, sign_in: Callable[..., Client]) -> None:
    answer = sign_in(stranger).post(PAGE, {"code": "ARBAT30"})

    assert answer.status_code == 409
    assert "Скидка" not in answer.content.decode()
    assert not Redemption.objects.exists()


def test_one_must_be_signed_in(client: Client) -> None:
    answer = client.post(PAGE, {"code": "ARBAT30"})

    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login"))
    assert not Redemption.objects.exists()


def test_a_form_from_elsewhere_is_refused(partner: Partner, sign_in: Callable[..., Client]) -> None:
    answer = sign_in(partner, enforce_csrf_checks=True).post(PAGE, {"code": "ARBAT30"})

    assert answer.status_code == 403
    assert not Redemption.objects.exists()


def test_it_is_made_for_a_thumb_and_runs_nothing_of_its_own(partner: Partner, sign_in: Callable[..., Client]) -> None:
    page = sign_in(partner).get(PAGE)

    text = page.content.decode()
    assert text.count("autofocus") == 1
    assert 'enterkeyhint="done"' in text
    assert '<label for="code">' in text
    assert "style=" not in text
    assert "<style" not in text
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=", text)
    assert "'unsafe-inline'" not in page["Content-Security-Policy"]
    assert "no-store" in page["Cache-Control"]


def test_the_navigation_leads_there(partner: Partner, sign_in: Callable[..., Client]) -> None:
    assert f'href="{PAGE}" aria-current="page"' in sign_in(partner).get(PAGE).content.decode()
