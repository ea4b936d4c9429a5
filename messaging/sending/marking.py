"""What a hand-over came to, written down: at once, or beside the next claim so that a quick network is kept busy."""

import logging
import queue
import threading

from django.db import DatabaseError, connection, transaction

from core.lib import clock
from messaging import sql
from messaging.channels.base import Outcome

logger = logging.getLogger(__name__)


def mark(outcomes: list[Outcome], *, fence: int, transport: str) -> None:
    """Record outcomes and the network's names for what it took, in one transaction."""
    told = [
        (
            outcome.message.month,
            outcome.message.message_id,
            str(outcome.verdict),
            outcome.error[:60],
            outcome.answer[:182],
            float(outcome.retry_after),
            outcome.is_final,
            outcome.message.valid_until,
        )
        for outcome in outcomes
    ]
    names = {
        network_id[:80]: (outcome.message.month, outcome.message.message_id)
        for outcome in outcomes
        for network_id in outcome.network_ids
    }
    now = clock.now()
    with transaction.atomic():
        if names:
            sql.name(transport=transport, ids=names)
        sql.mark(fence=fence, told=told, now=now)


class Marker:
    """Marks one batch at a time in a thread of its own, on a connection of its own.

    What it does not get written is, as after a crash, for the sweeper: the attempts say what may have left.
    """

    def __init__(self, transport: str) -> None:
        self.transport = transport
        self._batches: queue.Queue[tuple[list[Outcome], int] | None] = queue.Queue(maxsize=1)
        self._thread = threading.Thread(target=self._work, name=f"{transport}-marking")
        self._thread.start()

    def put(self, outcomes: list[Outcome], fence: int) -> None:
        """Have a batch marked; waits while the one before the last is not."""
        self._batches.put((outcomes, fence))

    @property
    def is_busy(self) -> bool:
        """True while something is not marked yet."""
        return bool(self._batches.unfinished_tasks)

    def wait(self) -> None:
        """Return once everything put in is marked."""
        self._batches.join()

    def close(self) -> None:
        """Mark the rest and end."""
        self._batches.put(None)
        self._thread.join()

    def _work(self) -> None:
        try:
            while (batch := self._batches.get()) is not None:
                try:
                    mark(batch[0], fence=batch[1], transport=self.transport)
                except DatabaseError as error:
                    logger.warning("Marking for %s has lost the database: %s", self.transport, type(error).__name__)
                    connection.close()
                finally:
                    self._batches.task_done()
        finally:
            connection.close()
