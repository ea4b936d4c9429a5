"""A sender is killed a hundred times at any point of its work; no offer leaves twice, nothing is lost (M9)."""

import os
import random
import re
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection

from core.lib import clock
from enrollment.models import Channel
from messaging import outbox
from messaging.models import Attempt, Message, MessageClass
from messaging.sending import transports
from messaging.sending.sender import Sender
from smart.local import processes
from smart.local.embedded import PROJECT
from tests.faults.gateway import network
from tests.messaging.audience import check_log, make_audience, violated
from tests.messaging.conftest import noon

__all__ = ["noon"]

KILLS = 100
OFFERED, TOLD = 9000, 3000


def fill(now: datetime) -> int:
    """An offer to most, a service message to some; return how many messages."""
    people = make_audience(OFFERED + TOLD, now=now)
    offered = outbox.put(
        stream=outbox.stream_for(code="offer-1", message_class=MessageClass.OFFER),
        subscribers=people[:OFFERED],
        channel=Channel.SMS,
        texts_by_language={"ru": "Чай -20%"},
        origin="campaign:1",
        not_before=now,
        not_after=now + timedelta(hours=8),
        now=now,
    )
    told = outbox.announce(
        kind="bonus_issued", subscribers=people[OFFERED:], values={"units": 500, "days": 30}, origin="bonus", now=now
    )
    return offered + told


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_a_sender_killed_a_hundred_times(noon: datetime, tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    audience = fill(noon)
    ahead = clock.ahead()
    url = re.sub(r"/[^/?]*(?=\?|$)", f"/{connection.settings_dict['NAME']}", os.environ["DATABASE_URL"])
    with network() as log:
        file = log.write_options(tmp_path / "transports.toml")
        environment = {**os.environ, "DATABASE_URL": url, "TRANSPORTS_FILE": str(file)}
        environment |= {"DJANGO_SETTINGS_MODULE": "smart.settings", "PYTHONPATH": str(PROJECT)}
        command = [sys.executable, "-W", "ignore", "-m", "tests.faults.sender_mortality",
                   "kannel-1", str(ahead.total_seconds()), str(KILLS), str(seed)]  # fmt: skip

        killed = processes.spawn(command, log=tmp_path / "senders.log", env=environment, cwd=PROJECT)
        try:
            # Beat's sweep, at a time by which the leases of the dead are over: those of the living as well.
            while not processes.wait_until(lambda: killed.poll() is not None, seconds=0.1):
                outbox.sweep(now=clock.now() + timedelta(minutes=2))
        finally:
            processes.kill_session(killed)
        assert killed.returncode == 0, processes.last_line(tmp_path / "senders.log")
        taken_by_then = len(log.taken)
        tried_by_then, waiting_by_then = Attempt.objects.count(), Message.objects.filter(state="waiting").count()
        outbox.sweep(now=clock.now() + timedelta(minutes=2))
        transport = transports.make(log.options())
        Sender(transport).run(until_idle=True)
        transport.close()
        taken = log.taken

    assert tried_by_then > taken_by_then > KILLS, "the senders died before they had begun"
    assert waiting_by_then > 0, "the senders had nothing left to die over"
    check_log(taken)
    states = Counter(Message.objects.values_list("state", flat=True))
    assert states.total() == audience
    assert states.keys() <= {"submitted", "unknown"}, states
    assert Attempt.objects.filter(outcome="uncertain").exists(), "nobody died between gate and mark"
    told = set(Message.objects.filter(message_class="service", state="submitted").values_list("pk", flat=True))
    assert told <= set(taken)
    assert len(set(taken)) >= states["submitted"]
    assert not violated(clock.now())
