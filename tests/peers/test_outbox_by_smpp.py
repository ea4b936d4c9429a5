"""The outbox through a real SMSC: every message once, in the SMSC's own log, with its attempt and its receipt (M9)."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.lib import clock
from messaging import outbox, receipts
from messaging.channels.smpp.transport import SmppTransport
from messaging.models import Attempt
from messaging.sending.sender import Sender
from smart.local import processes
from tests.messaging.conftest import make_member, noon, put, states
from tests.peers.outbox import audit

pytestmark = [pytest.mark.django_db(transaction=True)]
__all__ = ["make_member", "noon", "put"]
MEMBERS = 120


@pytest.fixture
def connect() -> Iterator[Callable[..., SmppTransport]]:
    """Bind to an SMSC; unbound at the end."""
    made: list[SmppTransport] = []

    def bind(smsc: Any, **options: Any) -> SmppTransport:
        usual = {"name": "smsc", "host": "127.0.0.1", "port": smsc.port, "system_id": "smart", "password": "secret",
                 "source": "SMART", "window": 20, "batch": 50, "response_timeout_seconds": 3}  # fmt: skip
        made.append(SmppTransport(usual | options))
        assert processes.wait_until(lambda: made[-1].health().is_up, seconds=60)
        return made[-1]

    yield bind
    for transport in made:
        transport.close()


def drain(transport: SmppTransport) -> None:
    """Send until everything has left or is known not to have."""
    sender = Sender(transport)
    assert processes.wait_until(
        lambda: (sender.run(until_idle=True), "waiting" not in states() and "claimed" not in states())[1], seconds=60
    )


def references(smsc: Any) -> Counter[str]:
    """How often the SMSC took each text's destination."""
    return Counter(line["destination"] for line in smsc.log())


def settle(expected: int) -> None:
    """Match receipts as they come, until so many messages are delivered."""

    def is_settled() -> bool:
        receipts.match(now=clock.now())
        return states().get("delivered", 0) >= expected

    assert processes.wait_until(is_settled, seconds=60), states()


@pytest.mark.parametrize("receipt", [{}, {"receipts": "early"}, {"receipts": "twice"}], ids=str)
def test_every_offer_reaches_the_smsc_once_and_is_delivered(
    start_smsc: Any, connect: Any, noon: Any, make_member: Any, put: Any, receipt: dict[str, str]
) -> None:
    smsc = start_smsc(**receipt)
    put(*(make_member() for _ in range(MEMBERS)))

    drain(connect(smsc))
    settle(MEMBERS)

    assert set(references(smsc).values()) == {1}
    assert len(smsc.log()) == Attempt.objects.count() == MEMBERS
    assert audit(smsc, audience=MEMBERS) == {"delivered": MEMBERS}


def test_a_throttling_smsc_gets_every_offer_once(
    start_smsc: Any, connect: Any, noon: Any, make_member: Any, put: Any
) -> None:
    smsc = start_smsc(throttle=0.3)
    put(*(make_member() for _ in range(MEMBERS)))

    drain(connect(smsc, throttle_pause_seconds=0.05))
    settle(MEMBERS)

    assert set(references(smsc).values()) == {1}
    assert len(smsc.log()) == MEMBERS
    assert audit(smsc, audience=MEMBERS) == {"delivered": MEMBERS}
    assert Attempt.objects.filter(outcome="retry").exists()


def test_a_connection_dropped_after_accepting_repeats_no_offer(
    start_smsc: Any, connect: Any, noon: Any, make_member: Any, put: Any
) -> None:
    smsc = start_smsc(drop_after=30)
    put(*(make_member() for _ in range(MEMBERS)))

    drain(connect(smsc))
    outbox.sweep(now=clock.now())

    assert set(references(smsc).values()) == {1}
    assert audit(smsc, audience=MEMBERS).keys() <= {"submitted", "delivered", "unknown"}
    assert len(smsc.log()) <= Attempt.objects.exclude(outcome="not_handed").count()
