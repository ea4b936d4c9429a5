"""A service message is one file and one test: what else knows it takes it from the registry (docs/recipes.md)."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from core.lib import declarations, segments
from enrollment.models import Subscriber
from messaging import kinds, outbox, reference, texts
from messaging.models import Message, ServiceText
from messaging.service_message import ServiceMessage
from smart.local import reference as page
from tests.messaging.conftest import astana
from tests.registry import ROOT, added, has_tests, untranslated

PACKAGE = "messaging.service_messages"
TOY = "anniversary"


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[ServiceMessage]:
    """The made-up message, as if its file lay in messaging/service_messages/."""
    with added(PACKAGE, Path(__file__).parent / "toy"):
        monkeypatch.setattr(kinds, "SERVICE", declarations.find(PACKAGE, name="SERVICE_MESSAGE", kind=ServiceMessage))
        yield kinds.SERVICE[TOY]


def lacking(kind: str, message: ServiceMessage, *, on_page: str) -> list[str]:
    """What a service message is still without, as the one who adds it is told."""
    test = ROOT / "tests/messaging/service_messages" / f"test_{kind}.py"
    complaints = [] if has_tests(test) else [f"{test.relative_to(ROOT)} has no test of it"]
    complaints += [f"no text in {text}" for text in untranslated([message.name, message.announced])]
    for language in ("kk", "ru", "en"):
        complaints += wrong_with(getattr(message, f"text_{language}"), message, language)
    if len(kind) > 20:
        complaints.append("its name is longer than 20 characters")
    if " | ".join(page.message_row(kind, message)) not in on_page:
        complaints.append("docs/reference.md does not say when it is announced: run `make docs`")
    return complaints


def wrong_with(text: str, message: ServiceMessage, language: str) -> list[str]:
    """A text must be sendable as it is, and in one segment however long its values are."""
    try:
        texts.check(text, placeholders=message.placeholders)
    except texts.BadText as refusal:
        return [f"{language}: {refusal}"]
    parts = segments.measure(texts.fill(text, message.placeholders))[1]
    return [f"{language}: {parts} segments"] if parts > 1 else []


@pytest.mark.parametrize("kind", kinds.SERVICE)
def test_a_service_message_has_its_test_its_texts_and_its_docs(kind: str) -> None:
    assert lacking(kind, kinds.SERVICE[kind], on_page=page.PAGE.read_text()) == []


def test_a_service_message_without_test_texts_and_docs_is_named(toy: ServiceMessage) -> None:
    assert lacking(TOY, toy, on_page=page.PAGE.read_text()) == [
        "tests/messaging/service_messages/test_anniversary.py has no test of it",
        "no text in kk: an anniversary",
        "no text in kk: on the day a membership is so many years old",
        "no text in ru: an anniversary",
        "no text in ru: on the day a membership is so many years old",
        "docs/reference.md does not say when it is announced: run `make docs`",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("", "it is empty"), ("{days} days", "a placeholder that does not exist"), ("ж" * 71, "2 segments")],
    ids=["none", "unknown placeholder", "too long"],
)
def test_a_text_that_is_missing_or_does_not_fit_is_named(
    toy: ServiceMessage, text: str, complaint: str, settings: Any
) -> None:
    settings.LANGUAGE_CODE = "en"

    assert complaint in wrong_with(text, toy, "kk")[0]


def test_a_file_that_declares_no_message_is_named(tmp_path: Path) -> None:
    (tmp_path / "hollow.py").write_text("")

    with added(PACKAGE, tmp_path), pytest.raises(TypeError, match=r"messaging/service_messages/hollow\.py"):
        declarations.find(PACKAGE, name="SERVICE_MESSAGE", kind=ServiceMessage)


@pytest.mark.django_db(transaction=True)
def test_a_new_service_message_is_shipped_edited_announced_and_sent(
    toy: ServiceMessage,
    make_member: Callable[..., Subscriber],
    admin_client: Client,
    noon: datetime,
    send: Callable[..., Any],
    network: Any,
) -> None:
    """M8: it is no answer, so it waits for the window."""
    person, night = make_member(language="kk"), astana(22, 23)
    reference.load()

    text = ServiceText.objects.get(kind=TOY)
    shown = admin_client.get(f"/admin/messaging/servicetext/{text.pk}/change/").content.decode()
    announced = {"kind": TOY, "subscribers": [person.pk], "values": {"years": 1}, "now": night}
    outbox.announce(origin="first", **announced)
    send()

    message = Message.objects.get(kind=TOY)
    assert "on the day a membership is so many years old" in shown
    assert "{years}" in shown
    assert (message.not_before, message.kind_in_words) == (astana(23, 10), "an anniversary")
    assert [handed.text for handed in network.handed] == ["SMART: бізбен бірге 1 жыл. Рақмет!"]
