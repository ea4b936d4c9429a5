"""PostgreSQL is killed in the middle of sending, again and again; the sender goes on and no offer leaves twice (M9)."""

import random
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from django.db import connection, connections

from core.lib import clock
from enrollment.models import Channel
from messaging import outbox
from messaging.channels.base import Outcome, Outgoing
from messaging.models import Attempt, Message, MessageClass
from messaging.sending.sender import Sender
from smart.local import embedded
from tests.faults.conftest import kill
from tests.messaging.audience import check_log, make_audience, violated
from tests.messaging.conftest import Network, noon

__all__ = ["noon"]

KILLS = 5
AUDIENCE = 6000


class Counting(Network):
    """Tells when it has been handed so many messages more."""

    def __init__(self) -> None:
        super().__init__("network", batch=40)
        self.progress = threading.Semaphore(0)

    def hand_over(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        outcomes = super().hand_over(batch)
        self.progress.release()
        return outcomes


@pytest.mark.faults
def test_the_database_killed_in_the_middle_of_sending(server: embedded.Postgres, noon: datetime) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    put = outbox.put(
        stream=outbox.stream_for(code="offer-1", message_class=MessageClass.OFFER),
        subscribers=make_audience(AUDIENCE, now=noon),
        channel=Channel.SMS,
        texts_by_language={"ru": "Чай -20%"},
        origin="campaign:1",
        not_before=noon,
        not_after=noon + timedelta(hours=8),
        now=noon,
    )
    network = Counting()
    sender = Sender(network)
    running = threading.Thread(target=_run, args=[sender])
    running.start()
    handed_by_then = []
    try:
        for _ in range(KILLS):
            for _step in range(dice.randint(3, 15)):
                assert network.progress.acquire(timeout=20), "the sender does not go on"
            kill(server)
            handed_by_then.append(len(network.handed))
            connection.close()
            while network.progress.acquire(blocking=False):
                """What it had begun before the server died."""
            server.start()
            server.wait()
        assert network.progress.acquire(timeout=20)
    finally:
        sender.stop()
        running.join()
    waiting_by_then = Message.objects.filter(state="waiting").count()
    outbox.sweep(now=clock.now() + timedelta(minutes=2))
    Sender(network).run(until_idle=True)

    assert handed_by_then == sorted(set(handed_by_then)), "it went on after each kill"
    assert waiting_by_then > 0, "nothing was left to send"
    taken = [message.message_id for message in network.handed]
    check_log(taken)
    states = Counter(Message.objects.values_list("state", flat=True))
    assert states.total() == put == AUDIENCE
    assert states.keys() <= {"submitted", "unknown"}, states
    assert set(taken) <= set(Attempt.objects.values_list("message_id", flat=True))
    assert not violated(clock.now())


def _run(sender: Sender) -> None:
    try:
        sender.run()
    finally:
        connections.close_all()
