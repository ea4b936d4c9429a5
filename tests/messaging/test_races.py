"""Leaving and pausing raced against sending, in real threads with real transactions (M2, M3, J5)."""

import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from core.lib import clock
from enrollment.models import Channel, Membership, Subscriber
from messaging import outbox, sql
from messaging.channels.base import Outcome, Outgoing
from messaging.models import Attempt, Message, MessageClass
from messaging.sending import gate
from messaging.sending.sender import Sender
from smart import programme
from smart.local import processes
from tests.messaging.audience import check_log, make_audience, violated
from tests.messaging.conftest import Network, states
from tests.races import race

ROUNDS, LEAVERS = 4, 250
TEXTS = {"ru": "Чай -20%"}

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]


class Timed(Network):
    """A network that tells when it is handed something."""

    def __init__(self, name: str, *, batch: int, began: threading.Event) -> None:
        super().__init__(name, batch)
        self.began = began

    def hand_over(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        self.began.set()
        return super().hand_over(batch)


@contextmanager
def sending(*networks: Network) -> Iterator[None]:
    """A sender in a thread for each network, until the block ends; what was waiting by then has left."""
    senders = [Sender(network) for network in networks]

    def run(sender: Sender) -> None:
        try:
            sender.run()
            sender.stopping.clear()
            sender.run(until_idle=True)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[sender]) for sender in senders]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for sender in senders:
            sender.stop()
        for thread in threads:
            thread.join()


def put(people: list[int], number: int, now: datetime) -> None:
    for message_class in (MessageClass.OFFER, MessageClass.SURVEY):
        outbox.put(
            stream=outbox.stream_for(code=f"{message_class}-1", message_class=message_class),
            subscribers=people,
            channel=Channel.SMS,
            texts_by_language=TEXTS,
            origin=f"{message_class}:{number}",
            not_before=now - timedelta(minutes=1),
            not_after=now + timedelta(hours=8),
            now=now,
        )


def database_now() -> datetime:
    """The database's own instant on the programme's clock: what the gate goes by."""
    return sql.clock() + clock.ahead()


def test_leaving_raced_against_sending_a_thousand_times(noon: datetime) -> None:
    """M3: what has not passed the gate when leaving has ended never does; consent held for all that did."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    left: dict[int, datetime] = {}
    began = threading.Event()
    networks = [Timed("one", batch=5, began=began), Timed("two", batch=9, began=began)]

    def leave(person: Subscriber) -> None:
        programme.opt_out(subscriber=person, by="test", now=clock.now())
        left[person.pk] = database_now()

    for number in range(ROUNDS):
        people = make_audience(LEAVERS, now=noon, after=number * LEAVERS)
        put(people, number, noon)
        leavers = list(Subscriber.objects.filter(pk__in=people))
        dice.shuffle(leavers)
        queues = [leavers[part::2] for part in range(2)]
        with sending(*networks):
            assert began.wait(10)
            race(*(lambda queue=queue: [leave(person) for person in queue] for queue in queues))

    log = [message for network in networks for message in network.handed]
    offers = [message for message in log if message.message_class != "service"]
    assert len(left) == ROUNDS * LEAVERS
    assert not [m for m in offers if m.gated_at > left[m.subscriber_id]], "sent to somebody who had left"
    memberships = dict(Membership.objects.values_list("subscriber_id", "left_at"))
    tried = Attempt.objects.exclude(message__message_class="service").values_list("message__subscriber_id", "gated_at")
    assert not [pk for pk, gated_at in tried if gated_at > memberships[pk]], "no consent as the gate let it through"
    assert Counter(m.subscriber_id for m in log if m.kind == "left") == Counter(left.keys()), "one farewell to each"
    ended = Counter(Message.objects.exclude(message_class="service").values_list("state", flat=True))
    assert ended.keys() <= {"submitted", "cancelled", "refused"}
    assert ended["submitted"] == len(offers) > 0
    assert ended["cancelled"] > 0, "nobody left before his message did: this was no race"
    check_log(message.message_id for message in log)
    assert not violated(clock.now())


def test_a_pause_raced_against_sending(noon: datetime) -> None:
    """Nothing passes the gate a moment after everything was paused; nothing is lost by it, or sent twice."""
    people = make_audience(400, now=noon)
    put(people, 1, noon)
    began = threading.Event()
    networks = [Timed("one", batch=3, began=began), Timed("two", batch=3, began=began)]
    pauses: list[tuple[datetime, datetime]] = []

    with sending(*networks):
        for _ in range(6):
            began.clear()
            assert began.wait(10)
            outbox.pause(by="test", now=clock.now())
            paused_at = database_now()
            assert processes.wait_until(lambda: states().get("claimed", 0) == 0, seconds=60)
            began.clear()
            assert not began.wait(0.3)
            pauses.append((paused_at, database_now()))
            outbox.resume(by="test", now=clock.now())
        assert states()["waiting"], "all had left before the last pause: this was no race"

    moment = timedelta(milliseconds=50)  # a gate that had read the switch just before
    log = [message for network in networks for message in network.handed]
    assert not [m for m in log for paused, resumed in pauses if paused + moment < m.gated_at < resumed]
    assert states() == {"submitted": 800}
    check_log(message.message_id for message in log)
    assert not violated(clock.now())


def test_a_gate_under_way_raced_against_the_sweep_of_its_lease(noon: datetime) -> None:
    """A sender stood still for longer than its lease: the sweep must not think that it never reached the gate."""
    put(make_audience(1, now=noon), 1, noon)
    slow, quick = Network("slow"), Network("quick")
    swept = threading.Thread(target=_sweep_late, args=[noon])
    sender = Sender(slow)
    claimed, fence = sender._claim("sms", 10, outbox.policy())
    real = sql.gate

    def standing_still(**given: Any) -> Any:
        rows = real(**given)
        swept.start()
        swept.join(0.5)  # it waits for us, or ends before we have committed
        return rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sql, "gate", standing_still)
        passage = gate.pass_through(
            messages=claimed, fence=fence, transport="slow", channel="sms", policy=outbox.policy()
        )
    slow.hand_over(passage.passed)
    swept.join()
    Sender(quick).run(until_idle=True)

    check_log([message.message_id for message in slow.handed + quick.handed])
    assert not violated(clock.now())


def _sweep_late(now: datetime) -> None:
    try:
        outbox.sweep(now=now + timedelta(minutes=2))
    finally:
        connection.close()
