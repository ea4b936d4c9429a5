"""The outbox through SMSCs that are slow, silent or out of their minds: late is known, lost is never repeated (M9)."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from core.lib import clock
from messaging import receipts
from messaging.channels.smpp import link
from messaging.channels.smpp.transport import SmppTransport
from messaging.models import Attempt, Message, Receipt, TransportHealth
from messaging.sending.sender import Sender
from smart.local import processes
from tests.messaging.conftest import states
from tests.peers import outbox, proxy
from tests.peers.outbox import audit, entry, fill, has_left, let_the_day_end, noon, run_smpp, wait

pytestmark = [pytest.mark.django_db(transaction=True)]
__all__ = ["noon", "run_smpp"]

Move = Callable[[datetime], None]


@pytest.fixture
def dice() -> random.Random:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


def closed() -> int:
    """How many ended without anybody knowing what became of them."""
    return Message.objects.filter(state="unreported", why="uncertain").count()


# Slow


@pytest.mark.faults
def test_an_smsc_that_answers_after_ten_seconds_is_late_and_yet_heard(
    start_smsc: Any, run_smpp: Any, noon: datetime, movable_clock: Move
) -> None:
    smsc = start_smsc(response_ms=10_000)
    audience = fill(offers=45, told=0, now=noon)  # a window's worth

    run_smpp(entry(smsc, window=50))
    wait(lambda: states().get("delivered") == 45, seconds=25)
    let_the_day_end(movable_clock, smsc, name="smsc")

    assert audit(smsc, audience=audience) == {"delivered": 45, "refused": 4}
    assert len(smsc.log()) == 45
    assert smsc.seen["bind"] == 1, "slow is not silent"


@pytest.mark.faults
def test_an_smsc_slower_than_we_are_patient_gets_no_offer_twice(
    start_smsc: Any, run_smpp: Any, noon: datetime, movable_clock: Move
) -> None:
    smsc = start_smsc(response_ms=700)
    audience = fill(offers=24, told=6, now=noon)

    run_smpp(entry(smsc, window=10, response_timeout_seconds=0.5))
    wait(has_left)
    wait(lambda: set(states()) == {"delivered", "refused"}, seconds=10)
    let_the_day_end(movable_clock, smsc, name="smsc")

    assert audit(smsc, audience=audience) == {"delivered": 30, "refused": 4}


@pytest.mark.faults
def test_an_smsc_that_is_slow_is_waited_for(
    start_smsc: Any, run_smpp: Any, noon: datetime, movable_clock: Move
) -> None:
    smsc = start_smsc(response_ms=1100)
    audience = fill(offers=24, told=6, now=noon)

    run_smpp(entry(smsc, window=10))
    wait(lambda: states().get("delivered") == 30)
    let_the_day_end(movable_clock, smsc, name="smsc")

    assert audit(smsc, audience=audience) == {"delivered": 30, "refused": 4}
    assert Attempt.objects.filter(outcome="not_handed").exists(), "what found no room in time passed the gate again"
    assert len(smsc.log()) == 30


# Silent


@pytest.mark.faults
def test_an_smsc_that_takes_everything_and_says_nothing(
    start_smsc: Any, run_smpp: Any, noon: datetime, movable_clock: Move
) -> None:
    smsc = start_smsc(is_mute=True)
    audience = fill(offers=15, told=10, now=noon)

    run_smpp(entry(smsc, window=25, response_timeout_seconds=0.5))
    wait(has_left)
    assert states() == {"unknown": 25, "refused": 4}
    assert smsc.seen["asked"] > 0, "it was not asked whether it is there"
    assert smsc.seen["bind"] > 1, "it was bound again"
    smsc.command(set={"is_mute": False})
    wait(lambda: outbox.is_up("smsc"))
    let_the_day_end(movable_clock, smsc, name="smsc")

    assert audit(smsc, audience=audience) == {"unreported": 25, "refused": 4}
    assert closed() == 25
    times = Counter((line["reference"], line["text"], line["destination"]) for line in smsc.log())
    assert Counter(times.values()) == {1: 15, 2: 10}, "an offer goes once, a service message again under its name"


@pytest.mark.faults
def test_a_network_that_becomes_a_black_hole(
    start_smsc: Any, run_smpp: Any, noon: datetime, movable_clock: Move, dice: random.Random
) -> None:
    smsc = start_smsc()
    with proxy.between(smsc.port) as network:
        run_smpp(entry(smsc, port=network.port, window=10, response_timeout_seconds=1))
        network.swallow_after(dice.randint(1000, 12_000))
        audience = fill(offers=80, told=20, now=noon)
        assert network.has_swallowed.wait(20)
        wait(lambda: TransportHealth.objects.filter(name="smsc", is_up=False).exists())
        assert TransportHealth.objects.get(name="smsc").last_error in ("silent", "bind_timeout")
        network.heal()  # what it had swallowed comes through
        wait(has_left)
        wait(lambda: "submitted" not in states())
        let_the_day_end(movable_clock, smsc, name="smsc")

        found = audit(smsc, audience=audience)
    assert found.total() == audience
    assert found.keys() <= {"delivered", "unreported", "refused"}
    assert 0 < Attempt.objects.filter(outcome="uncertain").count() <= 10, "a window's worth at most"
    assert closed() == found["unreported"]
    assert smsc.seen["bind"] > 1


# Out of its mind


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., SmppTransport]]:
    """Bind to an SMSC from this process, with short pauses between binds; unbound at the end."""
    monkeypatch.setattr(link, "_FIRST_PAUSE", 0.05)
    made: list[SmppTransport] = []

    def bind(smsc: Any, **options: Any) -> SmppTransport:
        made.append(SmppTransport(entry(smsc, **options)))
        assert processes.wait_until(lambda: made[-1].health().is_up, seconds=60)
        return made[-1]

    yield bind
    for transport in made:
        transport.close()


def drain(transport: SmppTransport) -> None:
    """Send until everything has left or is known not to have, and receipts have found their messages."""
    sender = Sender(transport)

    def is_done() -> bool:
        sender.run(until_idle=True)
        receipts.match(now=clock.now())
        return has_left() and "submitted" not in states()

    wait(is_done, seconds=40)


def header(length: int, command: int, sequence: int = 0x7FFFFFFF) -> str:
    """A PDU's, with a length that need not be true."""
    return b"".join(number.to_bytes(4, "big") for number in (length, command, 0, sequence)).hex()


SUBMIT_SM_RESP, DELIVER_SM = 0x80000004, 0x00000005


def noises(dice: random.Random) -> list[str]:
    """What no SMSC should say, once each, in any order."""
    found = [
        dice.randbytes(64).hex(),
        dice.randbytes(5000).hex(),
        header(0xFFFFFFFF, SUBMIT_SM_RESP),  # 4 GB
        header(0x7FFFFFFF, DELIVER_SM),
        header(0, SUBMIT_SM_RESP),
        header(15, SUBMIT_SM_RESP),
        header(300, SUBMIT_SM_RESP) + "41" * 20,  # the answers that follow are taken for its rest
        header(65_000, DELIVER_SM),  # and here nothing follows that would be enough
        header(20, SUBMIT_SM_RESP) + "41424344",  # an id without its end
        header(22, DELIVER_SM) + "000101303000",
        header(16, 0x12345678),
        b"HTTP/1.1 400 Bad Request\r\n\r\n".hex(),
    ]
    dice.shuffle(found)
    return found


def test_an_smsc_that_answers_garbage(
    start_smsc: Any, connect: Any, noon: datetime, movable_clock: Move, dice: random.Random
) -> None:
    said = noises(dice)
    smsc = start_smsc(garbage_after=9, noises=said)
    audience = fill(offers=100, told=50, now=noon)

    transport = connect(smsc, window=10, response_timeout_seconds=0.5)
    drain(transport)
    let_the_day_end(movable_clock, smsc)

    found = audit(smsc, audience=audience)
    assert len(smsc.log()) // 9 >= len(said), "not all of it was said"
    assert smsc.seen["bind"] > len(said), "each noise ended a connection"
    assert found.total() == audience
    assert found.keys() <= {"delivered", "unreported", "refused"}
    assert found["delivered"] > 0
    assert closed() == found["unreported"] < 100
    assert "bug" not in transport.health().last_error


# Receipts for nobody


def test_receipts_for_nobody_are_kept_and_harm_nobody(
    start_smsc: Any, connect: Any, noon: datetime, movable_clock: Move, dice: random.Random
) -> None:
    smsc = start_smsc()
    audience = fill(offers=40, told=10, now=noon)
    strange = [
        "0",
        "-1",
        "é",
        "'; --",
        "A" * 64,
        "00000000-0000",
        "%d",
        *(f"{dice.randrange(2**64):x}" for _ in range(40)),
    ]
    transport = connect(smsc)

    for number, name in enumerate(strange):
        state = dice.choice([2, 5, 8, 255])
        smsc.command(
            deliver={"esm_class": 4, "receipted_message_id": name, "message_state": state, "short_message": ""}
        )
        if number == len(strange) // 2:
            drain(transport)
    smsc.command(deliver={"esm_class": 4, "short_message": "no id at all"})
    drain(transport)
    wait(lambda: Receipt.objects.count() == 50 + len(strange))
    receipts.match(now=clock.now())
    let_the_day_end(movable_clock, smsc)

    assert audit(smsc, audience=audience) == {"delivered": 50, "refused": 4}
    unmatched = Receipt.objects.filter(matched_at=None)
    assert unmatched.count() == len(strange)
    assert not unmatched.exclude(message_id=None).exists()
    assert transport._keeper.stored == 50 + len(strange)
    wait(lambda: transport._keeper.unreadable == 1)
