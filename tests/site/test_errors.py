"""403, 404, 405 and 500 in words; for staff inside the back office's frame, with its menu (P1)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from campaigns.staff import results
from smart.site import errors
from tests.staff import staff

__all__ = ["staff"]

pytestmark = pytest.mark.django_db
Staff = Callable[..., Client]
MENU, PLAIN = 'href="/admin/sending/"', "smart.css"
LANGUAGES = ("kk", "ru", "en")
NOT_FOUND = {"kk": "Мұндай бет жоқ", "ru": "Такой страницы нет", "en": "There is no such page"}
FORBIDDEN = {
    "kk": "Бұл бетті ашуға рұқсатыңыз жоқ",
    "ru": "Эта страница вам недоступна",
    "en": "You may not open this page",
}
BROKEN = {"kk": "Бірдеңе дұрыс болмады", "ru": "Что-то пошло не так", "en": "Something went wrong"}
ALONE = {"kk": "Пішін қабылданбады", "ru": "Форма не принята", "en": "The form was not accepted"}
CLOSED = {
    "kk": "Бұл мекенжайды ашуға болмайды",
    "ru": "Этот адрес нельзя открыть",
    "en": "This address cannot be opened",
}


def raising(error: Exception) -> Callable[..., Any]:
    def broken(*args: object, **kwargs: object) -> None:
        raise error

    return broken


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("method", "address", "status", "words"), [
    ("get", "/admin/campaign/404/", 404, NOT_FOUND),
    ("get", "/admin/nowhere/", 404, NOT_FOUND),
    ("get", "/admin/care/", 403, FORBIDDEN),
    ("get", "/admin/access/apiclient/", 403, FORBIDDEN),
    ("post", "/admin/results/", 405, CLOSED),
])  # fmt: skip
def test_what_staff_cannot_open_is_said_inside_the_frame(
    staff: Staff, language: str, method: str, address: str, status: int, words: dict[str, str]
) -> None:
    answer = getattr(staff("marketing", language=language), method)(address)

    page = answer.content.decode()
    assert answer.status_code == status
    assert words[language] in page
    assert MENU in page
    assert PLAIN not in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_form_without_its_token_is_said_inside_the_frame(staff: Staff, language: str) -> None:
    client = staff("marketing", language=language)
    client.handler.enforce_csrf_checks = True

    answer = client.post("/admin/sending/switch/", {"to": "pause"})

    assert answer.status_code == 403
    assert ALONE[language] in answer.content.decode()
    assert MENU in answer.content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_that_broke_is_said_inside_the_frame(
    staff: Staff, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "_launched", raising(RuntimeError("not for readers")))
    client = staff("marketing", language=language)
    client.raise_request_exception = False

    answer = client.get("/admin/results/")

    page = answer.content.decode()
    assert answer.status_code == 500
    assert BROKEN[language] in page
    assert MENU in page
    assert "not for readers" not in page


def test_a_frame_that_breaks_too_is_left_out(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_launched", raising(RuntimeError()))
    monkeypatch.setattr(errors, "framed", raising(OperationalError()))
    client = staff("marketing")
    client.raise_request_exception = False

    answer = client.get("/admin/results/")

    assert answer.status_code == 500
    assert "Қате · Ошибка · Error" in answer.content.decode()


def test_a_page_without_its_database_says_so_and_does_not_ask_it(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_launched", raising(OperationalError()))
    client = staff("marketing")
    client.raise_request_exception = False

    answer = client.get("/admin/results/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "Сервис временно недоступен" in answer.content.decode()
    request = RequestFactory().get("/admin/results/")
    request.user = User.objects.get(username="marketing")
    with CaptureQueriesContext(connection) as asked:
        try:
            raise OperationalError
        except OperationalError:
            assert errors.server_error(request).status_code == 503
    assert len(asked) == 0


@pytest.mark.parametrize("address", ["/nowhere/", "/admin/care/nowhere/"])
def test_who_has_not_signed_in_sees_no_frame(address: str) -> None:
    request = RequestFactory().get(address)  # from before sign-in: it has no user

    answers = [errors.not_found(request, Exception()), errors.forbidden(request, PermissionDenied())]

    assert [answer.status_code for answer in answers] == [404, 403]
    assert all(PLAIN in answer.content.decode() for answer in answers)


def test_a_partners_account_sees_no_frame(client: Client) -> None:
    client.force_login(User.objects.create_user("anna@shop.example", password="x"))
    request = RequestFactory().get("/admin/nowhere/")
    request.user = User.objects.get()

    assert PLAIN in errors.not_found(request, Exception()).content.decode()
