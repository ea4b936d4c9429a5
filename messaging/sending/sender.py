"""The sender: tokens, claim, gate, hand-over, mark, in this order, for one transport, over and over.

Run by `manage.py run_smpp`, `run_ivr` and `run_sender`, or for a few seconds by a task. Killed at any point
it leaves messages whose lease runs out; the sweeper knows from their attempts what may have left.
"""

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import DatabaseError, connection, transaction
from django.db.models import F

from core.lib import clock
from core.lib.errors import Refusal
from messaging import kinds, outbox, receipts, sql, window
from messaging.channels.base import Outcome, Transport, Verdict, by_fence
from messaging.models import MessageClass, SendingPolicy, Stream, TransportHealth
from messaging.sending import gate, marking, transports
from messaging.sending.marking import Marker

logger = logging.getLogger(__name__)

# A sender that answers nothing for this long is taken for dead. Longer than any hand-over: a call takes minutes.
LEASES = {"sms": timedelta(seconds=60), "ussd": timedelta(seconds=240), "ivr": timedelta(seconds=300)}
_IDLE_SECONDS = 0.5
_TELL_EVERY = 1.0
_CHECK_CLOCKS_EVERY = 60.0
_ASK_EVERY, _ASK_AT_ONCE = 60.0, 50
_MATCHES_AT_ONCE = 5  # lots of receipts a second: more are for the sweep
_ORDER = (MessageClass.SERVICE, MessageClass.SURVEY, MessageClass.OFFER)


class Bucket:
    """A token bucket: `rate` a second (0: no limit), a second's worth at most saved up."""

    def __init__(self, rate: float) -> None:
        self.rate, self.tokens, self.at = rate, 0.0, time.monotonic()

    def available(self, most: int) -> int:
        """How many tokens there are now, `most` at most."""
        if not self.rate:
            return most
        present = time.monotonic()
        self.tokens = min(max(1.0, self.rate), self.tokens + (present - self.at) * self.rate)
        self.at = present
        return min(most, int(self.tokens))

    def take(self, count: int) -> None:
        """Use tokens up."""
        if self.rate:
            self.tokens -= count


@dataclass
class Tally:
    """What a sender has done so far."""

    handed: int = 0
    claimed: int = 0
    held: dict[str, int] = field(default_factory=dict)
    errors: int = 0
    last_error: str = ""

    def hold(self, reasons: dict[str, int]) -> None:
        """Count what the gate put off or ended."""
        for reason, count in reasons.items():
            self.held[reason] = self.held.get(reason, 0) + count


class Sender:
    """Drains the outbox through one transport; with `overlaps`, a batch is marked while the next is claimed."""

    def __init__(self, transport: Transport, *, overlaps: bool = False) -> None:
        self.transport = transport
        self.overlaps = overlaps
        self._marker: Marker | None = None  # while the loop runs
        self.bucket = Bucket(transport.rate)
        self.batch = transport.batch
        self.tally = Tally()
        self.stopping, self._ended = threading.Event(), threading.Event()
        self._told_at = self._checked_at = self._asked_at = -1e9
        self._told_handed = 0
        self._is_short = False  # of tokens, its own or a stream's: not to be taken for having nothing to do

    def require(self) -> None:
        """Raise the reason why this machine must not send: zone data, clocks (M1). The gate asks for the epoch."""
        gate.require_sound_clocks()
        self._checked_at = time.monotonic()

    def run(self, *, seconds: float | None = None, until_idle: bool = False) -> Tally:
        """Send until stopped, for `seconds`, or until nothing is due. Raises what `require` raises, at the start."""
        self.require()
        end = time.monotonic() + seconds if seconds is not None else None
        teller = self._tell_beside() if self.transport.kind in ("ivr", "ussd") else None  # a call outlasts its news
        self._marker = Marker(self.transport.name) if self.overlaps else None
        try:
            return self._loop(end, until_idle)
        finally:
            if self._marker is not None:
                self._marker.close()
                self._marker = None
            if teller is not None:
                self._ended.set()
                teller.join()

    def _loop(self, end: float | None, until_idle: bool) -> Tally:
        while not self.stopping.is_set() and (end is None or time.monotonic() < end):
            try:
                did = self.step()
            except DatabaseError as error:
                logger.warning("The sender of %s has lost the database: %s", self.transport.name, type(error).__name__)
                connection.close()
                did = 0
            except Refusal as refusal:
                logger.error("The sender of %s must not send: %s", self.transport.name, refusal.code)
                did = 0
            if not did:
                if self._marker is not None and self._marker.is_busy:
                    self._marker.wait()  # it may put something back
                    continue
                if until_idle and not self._is_short:
                    break
                self.stopping.wait(_IDLE_SECONDS)
        return self.tally

    def stop(self) -> None:
        """Let the sender end after its present batch."""
        self.stopping.set()

    def step(self) -> int:
        """One round over the transport's channels; return how many messages moved."""
        if time.monotonic() - self._checked_at > _CHECK_CLOCKS_EVERY:
            self.require()
        self._is_short = False
        self._take_late()
        self._tell()
        if not self.transport.health().is_up:
            return 0
        policy = outbox.policy()
        return sum(self._drain(channel, policy) for channel in self.transport.channels)

    def _take_late(self) -> None:
        """Mark what a network has said after we had given up waiting: it clears up an unknown."""
        late = getattr(self.transport, "late", None)
        for fence, outcomes in by_fence(late() if late else ()).items():
            self._mark(outcomes, fence)

    def _drain(self, channel: str, policy: SendingPolicy) -> int:
        if policy.is_paused:
            return 0
        tokens = self.bucket.available(self.batch)
        if not tokens:
            self._is_short = True
            return 0
        claimed, fence = self._claim(channel, tokens, policy)
        if not claimed:
            return 0
        self.tally.claimed += len(claimed)
        passage = gate.pass_through(
            messages=claimed, fence=fence, transport=self.transport.name, channel=channel, policy=policy
        )
        self.bucket.take(len(passage.passed))
        self.tally.hold(passage.held)
        outcomes = self.transport.hand_over(passage.passed) if passage.passed else []
        self._mark([*outcomes, *passage.unreadable], fence)
        self._pace(outcomes)
        return len(claimed)

    def _claim(self, channel: str, tokens: int, policy: SendingPolicy) -> tuple[list[tuple[date, int, int]], int]:
        """Service before surveys before offers; within a class every stream gets its share (no campaign starves)."""
        now = clock.now()
        due = sql.due_streams(channel=channel, now=now)
        today = window.at(now, policy)
        if not today.opens <= now < today.claims_until(channel):
            due = [stream for stream in due if stream[1] in kinds.answers()]
        if not due:
            return [], 0
        fence = sql.next_fence()
        lease = now + LEASES[channel]
        share = transports.share_of(self.transport.name, channel=channel, now=now)
        claimed: list[tuple[date, int, int]] = []
        with transaction.atomic():
            for message_class in _ORDER:
                streams = [(pk, rate) for pk, _code, its_class, rate in due if its_class == message_class]
                if streams and len(claimed) < tokens:
                    quotas, is_paced = _quotas(streams, tokens - len(claimed), now)
                    self._is_short = self._is_short or is_paced
                    rows = sql.claim(
                        channel=channel,
                        quotas=quotas,
                        share=share,
                        fence=fence,
                        lease=lease,
                        transport=self.transport.name,
                        now=now,
                    )
                    _spend(rows, {pk for pk, rate in streams if rate})
                    claimed += [row[:3] for row in rows]
        return claimed, fence

    def _mark(self, outcomes: list[Outcome], fence: int) -> None:
        if self._marker is not None:
            self._marker.put(outcomes, fence)
        else:
            marking.mark(outcomes, fence=fence, transport=self.transport.name)

    def _pace(self, outcomes: list[Outcome]) -> None:
        """Count; take fewer at a time while a network is too slow for what we claim, more while it keeps up."""
        self.tally.handed += sum(outcome.verdict == Verdict.ACCEPTED for outcome in outcomes)
        fine = (Verdict.ACCEPTED, Verdict.NOT_HANDED)
        bad = [o for o in outcomes if o.verdict not in fine and o.error not in ("busy", "no_answer")]
        self.tally.errors += len(bad)
        if bad:
            self.tally.last_error = bad[-1].error or str(bad[-1].verdict)
        if any(outcome.verdict == Verdict.NOT_HANDED for outcome in outcomes):
            self.batch = max(1, self.batch // 2)
        elif len(outcomes) >= self.batch:
            self.batch = min(self.transport.batch, self.batch + max(1, self.batch // 4))

    def _tell_beside(self) -> threading.Thread:
        """Tell from a thread of its own, for hand-overs that take minutes."""

        def tell() -> None:
            try:
                while not self._ended.wait(_TELL_EVERY):
                    try:
                        self._tell()
                    except DatabaseError:
                        connection.close()
            finally:
                connection.close()

        thread = threading.Thread(target=tell, name=f"{self.transport.name}-health")
        thread.start()
        return thread

    def _tell(self) -> None:
        """Say once a second how the transport is; match what receipts have come."""
        present = time.monotonic()
        if present - self._told_at < _TELL_EVERY:
            return
        health, now = self.transport.health(), clock.now()
        rate = (self.tally.handed - self._told_handed) / max(present - self._told_at, _TELL_EVERY)
        TransportHealth.objects.update_or_create(
            name=self.transport.name,
            defaults={
                "kind": self.transport.kind,
                "channels": list(self.transport.channels),
                "weight": self.transport.weight,
                "is_up": health.is_up,
                "in_flight": health.in_flight,
                "window": health.window,
                "rate": round(rate, 1),
                "errors": self.tally.errors,
                "last_error": (health.last_error or self.tally.last_error)[:60],
                "touched_at": now,
            },
        )
        self._told_at, self._told_handed = present, self.tally.handed
        self._ask_about_silence(now)
        for _ in range(_MATCHES_AT_ONCE):
            if receipts.match(now=now) < receipts.AT_ONCE:
                break

    def _ask_about_silence(self, now: datetime) -> None:
        """Once a minute, ask a network that can be asked (query_sm) what became of what no receipt has come for."""
        query = getattr(self.transport, "query", None)
        if query is None or time.monotonic() - self._asked_at < _ASK_EVERY or not self.transport.health().is_up:
            return
        self._asked_at = time.monotonic()
        silent = sql.unresolved(transport=self.transport.name, now=now, limit=_ASK_AT_ONCE)
        told = [(network_id, query(network_id)) for network_id in silent]
        receipts.store(
            [
                receipts.Report(self.transport.name, status, network_id, raw="query_sm")
                for network_id, status in told
                if status
            ],
            now=now,
        )


def _quotas(streams: list[tuple[int, int | None]], tokens: int, now: datetime) -> tuple[dict[int, int], bool]:
    """How many each stream may claim: an equal share, and no more than its own rate allows; does a rate hold one back?

    One that is held back has more to send in a moment: whoever waits for it is not idle.
    """
    share, rest = divmod(tokens, len(streams))
    turn = int(now.timestamp() * 1000) % len(streams)  # who gets the rest, when there are more streams than tokens
    quotas, is_paced = {}, False
    for position, (pk, rate) in enumerate(streams):
        quota = share + ((position - turn) % len(streams) < rest)
        quotas[pk] = min(quota, _allowed(pk, now)) if rate else quota
        is_paced = is_paced or quotas[pk] < quota
    return {pk: quota for pk, quota in quotas.items() if quota}, is_paced


def _allowed(pk: int, now: datetime) -> int:
    """What a paced stream may send now: two seconds' worth at most; its row is locked until the claim is committed."""
    stream = Stream.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
    if stream is None or not stream.rate_per_minute:
        return 0
    a_second = stream.rate_per_minute / 60
    since = (now - stream.tokens_at).total_seconds() if stream.tokens_at else 1.0 / a_second
    stream.tokens = min(max(1.0, 2 * a_second), stream.tokens + max(0.0, since) * a_second)
    stream.tokens_at = now
    stream.save(update_fields=["tokens", "tokens_at"])
    return int(stream.tokens)


def _spend(rows: Iterable[tuple[date, int, int, int]], paced: set[int]) -> None:
    taken: dict[int, int] = {}
    for _month, _number, _subscriber, stream in rows:
        taken[stream] = taken.get(stream, 0) + 1
    for pk in paced & set(taken):
        Stream.objects.filter(pk=pk).update(tokens=F("tokens") - taken[pk])
