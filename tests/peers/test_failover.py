"""Two SMSCs by weight; one is killed in the middle and comes back: each message goes to one of them (M9, ADR 0019)."""

import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from messaging.models import Message
from tests.peers.outbox import audit, entry, fill, has_left, is_up, let_the_day_end, noon, run_smpp, wait
from tests.peers.smsc.server import Smsc

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
__all__ = ["noon", "run_smpp"]

OFFERS, TOLD = 160, 40
WINDOW = 20
RATE = 100  # a second and SMSC, lest it be over before anything happens


def offers_at(smsc: Smsc) -> set[int]:
    offers = set(Message.objects.filter(message_class="offer").values_list("pk", flat=True))
    return offers & {line["reference"] for line in smsc.log()}


def test_one_of_two_smscs_is_killed_and_comes_back(
    start_smsc: Any, run_smpp: Any, noon: datetime, movable_clock: Callable[[datetime], None]
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    killed_at = random.Random(seed).randint(20, 60)
    north, south = start_smsc(name="north", response_ms=20), start_smsc(name="south", response_ms=20)
    run_smpp(
        *(
            entry(smsc, weight=weight, rate=RATE, window=WINDOW, batch=WINDOW, response_timeout_seconds=2)
            for smsc, weight in ((north, 3), (south, 1))
        )
    )

    audience = fill(offers=OFFERS, told=TOLD, now=noon)
    wait(lambda: len(north.log()) >= killed_at)
    north.kill()
    wait(lambda: not is_up("north"))
    of_the_dead, by_then = {line["reference"] for line in north.log()}, len(south.log())
    wait(has_left)
    at_north, at_south = offers_at(north), offers_at(south)
    assert len(south.log()) > by_then, "the other one took over"
    assert len(at_north) + len(at_south) >= OFFERS - WINDOW, "a window's worth at most is uncertain"

    north.restart()
    wait(lambda: is_up("north"))
    before = len(north.log())
    audience += fill(offers=OFFERS, told=0, now=noon, campaign=2)
    wait(has_left)
    wait(lambda: not Message.objects.filter(state="submitted").exclude(pk__in=of_the_dead).exists())
    let_the_day_end(movable_clock, north, south, name="south")

    found = audit(north, south, audience=audience)
    assert found.total() == audience
    assert found.keys() <= {"delivered", "unreported", "refused"}
    assert found["refused"] == 8
    assert found["unreported"] <= 2 * WINDOW, "what was under way to the one that died, and what it had not reported"
    assert not offers_at(north) & offers_at(south)
    assert len(north.log()) - before > OFFERS // 2, "it has its share again"
    assert len(offers_at(south)) > len(at_south)
