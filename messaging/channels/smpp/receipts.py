"""Receipts on their way to the database: stored together, and only then acknowledged one by one."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from django.db import connection

from core.lib import clock
from messaging.channels.smpp import pdus
from messaging.channels.smpp.link import Link
from messaging.channels.smpp.pdus import Heard
from messaging.counters import RECEIPTS
from messaging.receipts import Report

logger = logging.getLogger(__name__)

_TOGETHER = 1000
_MOST_WAITING = 10_000  # beyond it the SMSC keeps them


class Keeper:
    """Stores what links hear, in a thread of its own: while one lot is being committed the next comes together."""

    def __init__(self, name: str, store: Callable[..., int]) -> None:
        self._name, self._store = name, store
        self.last_error = ""
        self.unreadable = self.from_subscribers = self.stored = 0
        self._waiting: deque[tuple[Link, int, int, Report]] = deque()
        self._changed = threading.Condition()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name=f"{name}-receipts", daemon=True)
        self._thread.start()

    def heard(self, link: Link, heard: Heard) -> None:
        """Take a deliver_sm; called by the link's thread. What is no receipt is acknowledged and counted.

        So is what cannot be read: refused, it would come back at each bind.
        """
        if not heard.fields.is_cut and not pdus.is_receipt(heard.fields):
            self.from_subscribers += 1
            _answer(link, heard.sequence)
            return
        receipt = pdus.receipt_of(heard.fields) if pdus.is_receipt(heard.fields) else None
        if receipt is None:
            self.unreadable += 1
            RECEIPTS.labels(self._name, "malformed").inc()
            _answer(link, heard.sequence)
            return
        report = Report(self._name, receipt.status, receipt.network_id, receipt.error, receipt.raw)
        with self._changed:
            is_full = len(self._waiting) >= _MOST_WAITING or self._is_closing
            if not is_full:
                self._waiting.append((link, link.generation, heard.sequence, report))
                self._changed.notify()
        if is_full:
            _answer(link, heard.sequence, pdus.TRY_LATER)

    def close(self) -> None:
        """Store what has come and end."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            while lot := self._next_lot():
                self._keep(lot)
        finally:
            connection.close()

    def _next_lot(self) -> list[tuple[Link, int, int, Report]]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing)
            return [self._waiting.popleft() for _ in range(min(_TOGETHER, len(self._waiting)))]

    def _keep(self, lot: Sequence[tuple[Link, int, int, Report]]) -> None:
        status = pdus.OK
        try:
            self._store([report for *_, report in lot], now=clock.now())
        except Exception as error:
            # Whatever kept them from being stored, the SMSC still has them and will bring them again.
            status = pdus.TRY_LATER
            self.last_error = f"receipts:{type(error).__name__}"
            logger.warning("%d receipts of %s were not stored: %s", len(lot), self._name, type(error).__name__)
            connection.close()
        else:
            self.last_error = ""
            self.stored += len(lot)
            RECEIPTS.labels(self._name, "stored").inc(len(lot))
        answers: dict[tuple[Link, int], list[bytes]] = {}
        for link, generation, sequence, _ in lot:
            answers.setdefault((link, generation), []).append(pdus.acknowledge(sequence, status))
        for (link, generation), units in answers.items():
            link.reply(generation, b"".join(units))


def _answer(link: Link, sequence: int, status: int = pdus.OK) -> None:
    link.reply(link.generation, pdus.acknowledge(sequence, status))
