"""The transport "ivr": as many calls at once as there are lines."""

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from django.conf import settings

from core.lib import clock
from core.lib.http.client import RequestFailed
from messaging.channels import conversations
from messaging.channels.base import Health, Outcome, Outgoing, Verdict
from messaging.channels.ivr import TRANSPORT, causes
from messaging.channels.ivr.ari import Event, Events, Rest
from messaging.channels.ivr.call import LOST, NOT_PLAYED, STOP, Call, Manner
from messaging.channels.ivr.conversation import Conversation
from messaging.channels.kind import COMMON
from messaging.channels.options import Configured
from messaging.prompts import sounds

logger = logging.getLogger(__name__)

_KNOWN = {"kind", *COMMON, *TRANSPORT.options}
_BEGINNINGS = {"Dial", "ChannelStateChange", "StasisStart"}
_COMING_UP = 3.0  # seconds a batch waits for the WebSocket
_SILENCE = 60.0  # seconds without calls after one stayed silent
# A sender that is silent for longer is taken for dead (messaging.sending.sender.LEASES): ringing and talk together.
_MOST_CALL_SECONDS = 285.0


class IvrTransport(Configured):
    """Calls through Asterisk.

    A conversation asks the database at each turn, and holds no connection to it between.
    """

    kind = "ivr"

    def __init__(self, options: dict[str, Any]) -> None:
        if unknown := sorted(set(options) - _KNOWN):
            raise ValueError(f"ivr: unknown options: {', '.join(unknown)}")
        if missing := [key for key in ("name", "url", "username", "password") if not options.get(key)]:
            raise ValueError(f"ivr: missing options: {', '.join(missing)}")
        self.lines = int(options.get("lines", 10))
        super().__init__(options, channel="ivr", batch=self.lines)
        self.manner = _manner(options)
        self.prompts_at = str(options.get("prompts_at") or Path(settings.MEDIA_ROOT) / "prompts").rstrip("/")
        self._calls: dict[str, Call] = {}
        self._left_up: set[str] = set()  # channels to be hung up when Asterisk can be reached again
        self._lock = threading.Lock()
        self._speaking = threading.Lock()
        self._silent_until = 0.0
        self._last_error = ""
        self._is_closed = False
        self._pool = ThreadPoolExecutor(self.lines, thread_name_prefix=f"call-{self.name}")
        self._rest = Rest(
            url=options["url"],
            username=options["username"],
            password=options["password"],
            ca_file=str(options.get("ca_file", "")),
        )
        self._events = Events(
            self._rest,
            app=self.manner.app,
            came_up=self._clear_away,
            arrived=self._arrived,
            went_down=self._went_down,
            tidy=self._tidy,
        )

    def hand_over(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Call them all, and return when the last call is over: at most ring_seconds + the longest talk, and some."""
        if not batch or self._is_closed:
            return [Outcome(message, Verdict.NOT_HANDED, error="stopping") for message in batch]
        now, present = clock.now(), time.monotonic()
        self._events.up.wait(max(0.0, min(_COMING_UP, min(message.deadline for message in batch) - present)))
        until = [present + (message.valid_until - now).total_seconds() for message in batch]
        with self._lock:
            if self._is_closed:
                return [Outcome(message, Verdict.NOT_HANDED, error="stopping") for message in batch]
            calls = [self._pool.submit(self._call, *one) for one in zip(batch, until, strict=True)]
        return [call.result() for call in calls]

    def health(self) -> Health:
        """Up while events come and requests are answered."""
        hears, answers = self._events.up.is_set(), self._rest.breaker.is_up()
        is_up = hears and answers
        if is_up:
            error = self._last_error
        else:
            error = self._rest.breaker.last_error if hears else self._events.last_error or "not_connected"
        return Health(is_up=is_up, in_flight=len(self._calls), window=self.lines, last_error=error)

    def close(self) -> None:
        """Hang up what is under way and close the WebSocket."""
        with self._lock:
            self._is_closed = True
            for call in self._calls.values():
                call.events.put(STOP)
        self._pool.shutdown()
        self._events.close()

    def _call(self, message: Outgoing, until: float) -> Outcome:
        """One message's outcome, whatever happens."""
        try:
            outcome = self._placed(message, until)
        except Exception as error:  # its text may hold what was to be dialed
            logger.error("A call ended by an error of ours: %s", type(error).__name__)
            outcome = Outcome(message, Verdict.UNCERTAIN, error="internal")
        if outcome.error == NOT_PLAYED:
            self._silent_until = time.monotonic() + _SILENCE
        if outcome.verdict in (Verdict.REJECTED, Verdict.UNCERTAIN) or outcome.error.startswith("ari_"):
            self._last_error = outcome.error
        elif outcome.verdict == Verdict.ACCEPTED:
            self._last_error = ""
        return outcome

    def _placed(self, message: Outgoing, until: float) -> Outcome:
        media = self._sound(message.text, message.language)
        if media is None:
            return Outcome(message, Verdict.REJECTED, error=sounds.PromptMissing.code)
        if time.monotonic() >= min(message.deadline, until):
            return Outcome(message, Verdict.NOT_HANDED, error="deadline")
        if time.monotonic() < self._silent_until:  # nobody is to be rung for silence
            return Outcome(message, Verdict.RETRY, error=NOT_PLAYED + "_lately", retry_after=causes.LATER)
        call = self._made(message, media, until)
        if refusal := self._begin(call):
            return Outcome(message, *refusal)
        try:
            return call.place()
        finally:
            with self._lock:
                self._calls.pop(call.id, None)

    def _made(self, message: Outgoing, media: str, until: float) -> Call:
        if conversations.begins(message):
            return Conversation(
                message,
                sounds=self._sound,
                media=media,
                manner=self.manner,
                until=until,
                rest=self._rest,
                left_up=self._leave,
            )
        return Call(message, media=media, manner=self.manner, until=until, rest=self._rest, left_up=self._leave)

    def _begin(self, call: Call) -> tuple[Verdict, tuple[str, ...], str] | None:
        """Have the call told what comes; not without the WebSocket, and not while closing."""
        with self._lock:
            if self._is_closed:
                return Verdict.NOT_HANDED, (), "stopping"
            if not self._events.up.is_set():
                return Verdict.RETRY, (), "not_connected"
            if not self._rest.breaker.may_try():
                return Verdict.RETRY, (), self._rest.breaker.last_error
            self._calls[call.id] = call
            return None

    def _sound(self, text: str, language: str) -> str | None:
        """What Asterisk is to play; None when nothing says the text."""
        try:
            with self._speaking:  # a campaign's text is spoken once, not by every line
                sound = Path(sounds.ensure(text, language))
        except sounds.PromptMissing:
            self._last_error = sounds.PromptMissing.code
            return None
        is_fetched = self.prompts_at.startswith(("http://", "https://"))
        return f"sound:{self.prompts_at}/{sound.name if is_fetched else sound.stem}"

    def _arrived(self, event: Event) -> None:
        channel = _channel(event)
        with self._lock:
            call = self._calls.get(channel)
            if call is None and channel and event["type"] in _BEGINNINGS:  # an order done after we gave it up
                self._left_up.add(channel)
        if call is not None:
            call.events.put(event)

    def _went_down(self) -> None:
        """The calls under way are told, and hung up at the latest when the WebSocket is back."""
        with self._lock:
            self._left_up |= self._calls.keys()
            for call in self._calls.values():
                call.events.put(LOST)

    def _clear_away(self) -> None:
        """Hang up the application's calls that nobody here tends: left by a lost WebSocket, or by a process that died.

        Raises RequestFailed.
        """
        status, answer = self._rest.ask("GET", f"/applications/{self.manner.app}")
        found = answer.get("channel_ids") if status == 200 and isinstance(answer, dict) else None
        with self._lock:
            self._left_up |= {str(channel) for channel in found or ()} - self._calls.keys()
        self._hang_up_left()

    def _tidy(self) -> None:
        """Once in a while: hang up what could not be hung up before."""
        try:
            self._hang_up_left()
        except RequestFailed:
            self._last_error = "not_hung_up"

    def _hang_up_left(self) -> None:
        with self._lock:
            left = list(self._left_up)
        for channel in left:
            status, _answer = self._rest.ask("DELETE", f"/channels/{channel}", reason_code="16")
            if status in (204, 404):
                self._leave(channel, is_up=False)

    def _leave(self, channel: str, *, is_up: bool = True) -> None:
        with self._lock:
            (self._left_up.add if is_up else self._left_up.discard)(channel)


def _manner(options: dict[str, Any]) -> Manner:
    endpoint = str(options.get("endpoint", "PJSIP/{number}@kcell"))
    if "{number}" not in endpoint:
        raise ValueError("ivr: endpoint must hold {number}")
    ring, survey = float(options.get("ring_seconds", 25)), float(options.get("most_survey_seconds", 240))
    if ring + survey > _MOST_CALL_SECONDS:
        raise ValueError(f"ivr: ring_seconds + most_survey_seconds must not be over {_MOST_CALL_SECONDS:.0f}")
    return Manner(
        app=str(options.get("app", "smart")),
        endpoint=endpoint,
        caller_id=str(options.get("caller_id", "")),
        ring_seconds=ring,
        most_seconds=float(options.get("most_seconds", 60)),
        key_seconds=float(options.get("key_seconds", 4)),
        most_survey_seconds=survey,
        answer_seconds=float(options.get("answer_seconds", 8)),
    )


def _channel(event: Event) -> str:
    """The id of the channel an event is about."""
    for part in ("channel", "peer"):
        if isinstance(about := event.get(part), dict):
            return str(about.get("id", ""))
    playback = event.get("playback")
    target = str(playback.get("target_uri", "")) if isinstance(playback, dict) else ""
    return target.removeprefix("channel:")
