"""The whole outbox against SMSCs: an audience, `manage.py run_smpp` as a process, and what must be true afterwards."""

import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from core.lib import astana, clock
from enrollment import joining, locks
from enrollment.models import Channel, ConsentEvent, Consents, Membership, Purpose, Subscriber
from messaging import kinds, outbox
from messaging.models import Attempt, Message, MessageClass, TransportHealth
from smart import tasks
from smart.local import processes
from smart.local.embedded import PROJECT
from tests.messaging.audience import check_log, make_audience, violated
from tests.messaging.conftest import astana as at_astana
from tests.messaging.conftest import execute, states
from tests.peers.smsc.server import Smsc

_UNWILLING = 4  # two have left, two want no offers by SMS


@pytest.fixture
def noon(movable_clock: Callable[[datetime], None], now: datetime) -> datetime:
    """It is a Monday noon in Astana for every process; this database may send."""
    outbox.make_partitions(now=now)
    outbox.confirm_epoch(by="test", reason="a test database", now=now)
    return now


def entry(smsc: Smsc, **options: Any) -> dict[str, Any]:
    """The SMSC's table in TRANSPORTS_FILE."""
    usual = {"name": smsc.name, "kind": "smpp", "host": "127.0.0.1", "port": smsc.port, "system_id": "smart",
             "password": "secret", "source": "SMART", "window": 20, "batch": 50}  # fmt: skip
    return usual | options


Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def run_smpp(tmp_path: Path) -> Iterator[Start]:
    """Start `manage.py run_smpp` with these transports; returns when all are bound. It ends with the test."""
    with senders("run_smpp", folder=tmp_path) as start:
        yield start


@contextmanager
def senders(command: str, *, folder: Path, **environment: str) -> Iterator[Start]:
    """Start such processes, each with the transports that are named; what is started returns when all are up."""
    url = re.sub(r"/[^/?]*(?=\?|$)", f"/{connection.settings_dict['NAME']}", os.environ["DATABASE_URL"])
    file, log = folder / "transports.toml", folder / f"{command}.log"
    ours = {"DATABASE_URL": url, "TRANSPORTS_FILE": str(file), "SMART_LOCAL": "on"}
    started: list[subprocess.Popen[bytes]] = []

    def start(*entries: dict[str, Any]) -> subprocess.Popen[bytes]:
        tables = [
            "\n".join(["[[transport]]", *(f"{name} = {json.dumps(value)}" for name, value in each.items()), ""])
            for each in entries
        ]
        file.write_text("\n".join(tables), encoding="utf-8")
        process = [sys.executable, "-W", "ignore", "manage.py", command]
        started.append(processes.spawn(process, log=log, env={**os.environ, **ours, **environment}, cwd=PROJECT))
        for each in entries:
            assert processes.wait_until(lambda name=each["name"]: is_up(name), seconds=60), processes.last_line(log)
        return started[-1]

    try:
        yield start
    finally:
        processes.stop_all(started, seconds=5)


def is_up(name: str) -> bool:
    return TransportHealth.objects.filter(name=name, is_up=True).exists()


def wait(is_so: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait for something to come true; what stands in the outbox tells why it did not."""
    assert processes.wait_until(is_so, seconds=seconds, every=0.05), (states(), list(TransportHealth.objects.values()))


def has_left() -> bool:
    """Nothing waits and nothing is being handed over."""
    return not {"waiting", "claimed"} & states().keys()


def fill(*, offers: int, told: int, now: datetime, campaign: int = 1) -> int:
    """Offers to some, a service message to others, offers to four who want none; return how many messages."""
    people = make_audience(offers + told + _UNWILLING, now=now, after=Subscriber.objects.count())
    unwilling = people[offers + told :]
    for person in Subscriber.objects.filter(pk__in=unwilling[:2]):
        with transaction.atomic():
            joining.leave(subscriber=locks.lock_subscriber(person.pk), session="s", key="2", by="test",
                             now=now - timedelta(hours=1))  # fmt: skip
    for person in Subscriber.objects.filter(pk__in=unwilling[2:]):
        _want_no_offers(person, now - timedelta(hours=1))
    put = outbox.put(
        stream=outbox.stream_for(code="offer-1", message_class=MessageClass.OFFER),
        subscribers=[*people[:offers], *unwilling],
        channel=Channel.SMS,
        texts_by_language={"ru": "Чай -20%"},
        origin=f"campaign:{campaign}",
        not_before=now - timedelta(minutes=1),
        not_after=now + timedelta(hours=30),
        now=now,
    )
    return put + outbox.announce(
        kind="bonus_issued",
        subscribers=people[offers : offers + told],
        values={"units": 500, "days": 30},
        origin=f"bonus:{campaign}",
        now=now,
    )


def _want_no_offers(person: Subscriber, now: datetime) -> None:
    membership = Membership.objects.get(subscriber=person)
    ConsentEvent.objects.create(
        subscriber=person, membership=membership, purpose=Purpose.OFFERS, channel=Channel.SMS, action="withdrawn",
        at=now, by="test", session="s", key="2",
    )  # fmt: skip
    membership.consents = int(Consents(membership.consents) & ~Consents.OFFERS_SMS)
    membership.save(update_fields=["consents"])


def let_the_day_end(move: Callable[[datetime], None], *smscs: Smsc, name: str = "") -> None:
    """An evening hour at which senders have made a round and sent nothing more, then the night: beat sweeps and ends.

    `name` is that of the transport whose rounds are watched, where a process runs it.
    """
    taken = sum(len(smsc.log()) for smsc in smscs)
    evening = at_astana(23, 20)
    move(evening)
    if name:
        later = evening + timedelta(seconds=2)  # a round has begun and ended meanwhile
        wait(lambda: TransportHealth.objects.filter(name=name, touched_at__gt=later).exists())
    assert sum(len(smsc.log()) for smsc in smscs) == taken, "something was sent again"
    move(at_astana(23, 22, 30))
    tasks.sweep_messages()
    tasks.end_messages()


def audit(*smscs: Smsc, audience: int) -> Counter[str]:
    """What must be true whatever has gone wrong, as the SMSCs' own logs have it; return the states.

    No offer twice and none at two SMSCs, nothing without an attempt through that very transport, nothing valid after
    21:00 in Astana, nothing without consent; every message has ended, or waits for what we can name; none is missing.
    """
    lines = [(smsc.name, line) for smsc in smscs for line in smsc.log()]
    assert all(line["part"] is None for _, line in lines), "a message is a line"
    check_log([line["reference"] for _, line in lines])
    known = {message.pk: message for message in Message.objects.all()}
    attempts = defaultdict(list)
    for attempt in Attempt.objects.all():
        attempts[attempt.message_id, attempt.transport].append(attempt)
    where = defaultdict(set)
    for name, line in lines:
        message = known[line["reference"]]
        where[message.pk].add(name)
        tried = attempts[message.pk, name]
        assert tried, "taken by an SMSC through which no attempt was made"
        assert line["text"] == message.text
        valid_until = datetime.strptime(line["validity"][:12], "%y%m%d%H%M%S").replace(tzinfo=UTC)
        (day,) = {astana.day_of(attempt.gated_at) for attempt in tried}
        closes = astana.start_of(day) + timedelta(hours=21)
        assert message.kind in kinds.answers() or valid_until <= closes, "valid beyond the window"
    assert not [pk for pk, names in where.items() if len(names) > 1 and known[pk].message_class != "service"]
    assert not _without_consent(where.keys())
    now = clock.now()
    for message in known.values():
        is_open = message.state in ("submitted", "unknown") and message.valid_until > now - outbox.RECEIPT_GRACE
        waits = message.state == "waiting" and (message.why or message.not_before > now)
        assert message.is_final or is_open or waits, (message.pk, message.state, message.why)
    assert len(known) == audience
    assert not violated(now)
    return Counter(message.state for message in known.values())


def _without_consent(taken: Any) -> list[Any]:
    """Offers taken whose reader's last word on them, before the gate, was not yes; other messages to non-members."""
    return execute(
        "SELECT m.id FROM messaging_message m JOIN messaging_attempt a ON a.month = m.month AND a.message_id = m.id"
        " WHERE m.id = ANY(%s) AND m.kind <> 'left' AND (NOT EXISTS ("
        " SELECT FROM enrollment_membership s WHERE s.subscriber_id = m.subscriber_id AND s.joined_at <= a.gated_at"
        " AND (s.left_at IS NULL OR s.left_at > a.gated_at)) OR m.message_class <> 'service' AND ("
        " SELECT e.action FROM enrollment_consentevent e WHERE e.subscriber_id = m.subscriber_id"
        " AND e.purpose = m.purpose AND e.channel = m.channel AND e.at <= a.gated_at"
        " ORDER BY e.at DESC, e.id DESC LIMIT 1) IS DISTINCT FROM 'given')",
        list(taken),
    )
