"""`manage.py run_ivr` through a real Asterisk to a telephone: what the database says each call came to (M8, S2)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bonuses.models import Grant
from enrollment.models import Channel, Subscriber
from messaging.models import Attempt, Message
from messaging.prompts import sounds
from smart.local import processes
from surveys.models import Answer, Response, Survey
from tests.messaging.conftest import put
from tests.peers.outbox import noon, senders
from tests.peers_heavy import asterisk
from tests.peers_heavy.asterisk import PATIENCE, Phone
from tests.surveys.conftest import COFFEE, make_member, make_survey

__all__ = ["make_member", "make_survey", "noon", "put"]
pytestmark = [
    pytest.mark.peers_heavy,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(bool(asterisk.why_not()), reason=asterisk.why_not()),
    pytest.mark.skipif(not sounds.can_synthesize(), reason="espeak-ng is not installed"),
]
Call = Callable[..., None]
TOLD = "Скидка двадцать процентов на чай в любой день недели. " * 4  # nobody is too late to hang up


@dataclass(frozen=True)
class Asterisk:
    """Where its REST interface is, the telephone behind it, and the folder whose prompts it reads."""

    url: str
    phone: Phone
    media: Path


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asterisk]:
    folder = tmp_path_factory.mktemp("asterisk")
    (prompts := folder / "media" / "prompts").mkdir(parents=True)
    with asterisk.serve(folder, prompts=prompts) as (url, phone):
        yield Asterisk(url, phone, prompts.parent)


@pytest.fixture
def phone(peer: Asterisk) -> Phone:
    peer.phone.forget()
    return peer.phone


@pytest.fixture
def call(peer: Asterisk, noon: datetime, tmp_path: Path) -> Iterator[Call]:
    """Start the process that calls whoever is to be called."""
    with senders("run_ivr", folder=tmp_path, MEDIA_ROOT=str(peer.media)) as start:

        def begin(**options: Any) -> None:
            usual = {"name": "asterisk", "kind": "ivr", "url": peer.url, "username": asterisk.USERNAME,
                     "password": asterisk.PASSWORD, "caller_id": '"SMART" <555>', "prompts_at": asterisk.PROMPTS,
                     "lines": 1, "answer_seconds": PATIENCE}  # fmt: skip
            start(usual | options)

        yield begin


@pytest.fixture
def survey(make_survey: Callable[..., Survey], make_member: Callable[..., Subscriber], noon: datetime) -> Survey:
    """A survey that Boris, who reads Russian, is called for."""
    make_member(language="ru")
    return make_survey(channels=["ivr"], languages=["ru"], questions=COFFEE[:4])


@pytest.fixture
def offer(make_member: Callable[..., Subscriber], put: Callable[..., int], noon: datetime) -> Callable[[int], None]:
    """Have so many members called for an offer."""

    def made(count: int) -> None:
        people = [make_member(language="ru") for _ in range(count)]
        assert put(*people, channel=Channel.IVR, texts_by_language={"ru": TOLD}) == count

    return made


def ended(count: int = 1) -> list[tuple[str, str, str]]:
    """What so many attempts came to, in their order: outcome, error, keys."""
    attempts = Attempt.objects.filter(ended_at__isnull=False, transport="asterisk").order_by("ended_at")
    came = processes.wait_until(lambda: attempts.count() >= count, seconds=2 * PATIENCE, every=0.1)
    assert came, list(Attempt.objects.values())
    return list(attempts.values_list("outcome", "error", "answer"))


def answers() -> dict[str, int]:
    return dict(Answer.objects.values_list("question__code", "value"))


def wait_for(is_so: Callable[[], bool]) -> None:
    assert processes.wait_until(is_so, seconds=PATIENCE, every=0.1), (answers(), list(Attempt.objects.values()))


def test_a_survey_is_answered_on_the_keys_of_a_telephone(call: Call, phone: Phone, survey: Survey) -> None:
    call()

    phone.answer()
    phone.press("1")
    wait_for(lambda: Response.objects.exists())
    for keys, code, value in (("1", "drinks", 1), ("12#", "cups", 12), ("31#", "likes", 0b1010), ("0#", "score", 0)):
        phone.press(keys)
        wait_for(lambda code=code, value=value: answers().get(code) == value)
    phone.wait("CALL_CLOSED")

    assert ended() == [("accepted", "", "1*1*12*31*0")]
    assert (Response.objects.get().state, Response.objects.get().channel) == ("completed", "ivr")
    assert Grant.objects.get(kind="survey").units == 100


def test_a_key_pressed_while_an_offer_is_told_is_kept(call: Call, phone: Phone, offer: Callable[[int], None]) -> None:
    offer(1)
    call()

    phone.answer()
    phone.press("1#")
    phone.wait("CALL_CLOSED")

    assert ended() == [("accepted", "", "1")]


def test_who_listens_to_the_end_was_told(
    call: Call, phone: Phone, offer: Callable[[int], None], peer: Asterisk, settings: Any
) -> None:
    offer(1)
    call(key_seconds=0.5)

    phone.answer()
    phone.wait("CALL_CLOSED")

    assert ended() == [("accepted", "", "")]
    attempt = Attempt.objects.get()
    assert attempt.ended_at is not None
    took = (attempt.ended_at - attempt.gated_at).total_seconds()
    settings.MEDIA_ROOT = str(peer.media)
    told = Path(sounds.ensure(Message.objects.get(channel=Channel.IVR).text, "ru"))
    assert took >= sounds.duration_ms(told.read_bytes()) / 1000 > 5


def test_a_busy_telephone_is_rung_again_later(call: Call, phone: Phone, survey: Survey) -> None:
    call()

    phone.wait("CALL_INCOMING")
    phone.hang_up()

    assert ended() == [("retry", "busy", "")]


def test_a_telephone_that_nobody_answers_is_rung_again_later(call: Call, phone: Phone, survey: Survey) -> None:
    call(ring_seconds=2)

    phone.wait("CALL_INCOMING")
    phone.wait("CALL_CLOSED")

    assert ended() == [("retry", "no_answer", "")]


def test_who_hangs_up_while_the_prompt_plays_silences_no_other_call(
    call: Call, phone: Phone, offer: Callable[[int], None]
) -> None:
    offer(5)
    call()

    for _ in range(4):
        phone.answer()
        phone.hang_up()
    phone.answer()
    phone.press("1#")

    assert ended(5) == [("accepted", "hung_up", "")] * 4 + [("accepted", "", "1")]


def test_who_hangs_up_while_a_question_is_asked_keeps_what_was_answered(
    call: Call, phone: Phone, survey: Survey
) -> None:
    call()

    phone.answer()
    phone.press("1")
    wait_for(lambda: Response.objects.exists())
    phone.press("1")
    wait_for(lambda: answers() == {"drinks": 1})
    phone.hang_up()

    assert ended() == [("accepted", "", "1*1")]
    assert Response.objects.get().state == "started"


def test_a_prompt_that_asterisk_does_not_find_rings_nobody_else(
    call: Call, phone: Phone, offer: Callable[[int], None]
) -> None:
    offer(2)
    call(prompts_at="/nowhere")

    phone.wait("CALL_INCOMING")
    phone.tell("accept")
    phone.wait("CALL_CLOSED")

    assert ended(2) == [("rejected", "not_played", ""), ("retry", "not_played_lately", "")]
