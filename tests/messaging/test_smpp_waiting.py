"""What waits to be written to an SMSC is written by its deadline, or not at all (M1)."""

from messaging.channels.base import Outcome, Outgoing, Verdict
from messaging.channels.smpp import pdus
from messaging.channels.smpp.handing import Batch, Handing
from messaging.channels.smpp.waiting import Waiting
from tests.messaging.gateways import outgoing

NOW = 1000.0  # of time.monotonic()


def handings(*seconds_left: float) -> tuple[Waiting, list[Handing]]:
    """Messages that wait, each with so many seconds to its deadline."""
    messages: list[Outgoing] = [outgoing(deadline=NOW + seconds) for seconds in seconds_left]
    batch, waiting = Batch(messages), Waiting()
    made = [
        Handing(batch, place, message, pdus.parts_of("Tea", reference=1, segmentation="udh"), "", [""])
        for place, message in enumerate(messages)
    ]
    for handing in made:
        waiting.put(handing)
    return waiting, made


def outcome(handing: Handing) -> Outcome | None:
    return handing.batch.outcome(handing.place)


def test_what_is_past_its_deadline_is_not_written() -> None:
    waiting, (late, in_time) = handings(0.0, 2.0)

    taken = waiting.take(NOW)

    assert taken == (in_time, 0)
    assert outcome(late) == Outcome(late.message, Verdict.NOT_HANDED, error="deadline")
    assert waiting.take(NOW) is None


def test_what_waits_past_its_deadline_is_ended_though_nothing_can_be_written() -> None:
    waiting, (late, in_time) = handings(1.0, 60.0)

    waiting.end_overdue(NOW + 2)

    assert outcome(late) == Outcome(late.message, Verdict.NOT_HANDED, error="deadline")
    assert outcome(in_time) is None
    assert len(waiting) == 1


def test_it_is_looked_at_again_when_the_next_deadline_comes() -> None:
    waiting, _made = handings(5.0, 3.0)

    assert NOW < waiting.due < NOW + 3
