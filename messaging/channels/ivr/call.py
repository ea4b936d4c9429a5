"""One call, from dialing to its end, in a thread of its own; the WebSocket's thread puts events into its queue."""

import logging
import queue
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.lib.http.client import NotSent, RequestFailed, TooLate, Unanswered
from messaging.channels.base import Outcome, Outgoing, Verdict
from messaging.channels.ivr import causes
from messaging.channels.ivr.ari import Event, Rest, is_unclear

logger = logging.getLogger(__name__)

LOST: Event = {"type": "(lost)"}  # the WebSocket is: whatever happens now, we do not hear of it
STOP: Event = {"type": "(stop)"}

NOT_PLAYED = "not_played"
REPEAT, END = "0", "#"
_KEYS = "0123456789*ABCD"
_MOST_KEYS = 20
_OVERDUE = 5.0  # seconds Asterisk may be late with telling that nobody answered
_CAUSE_FOLLOWS = 2.0  # seconds between a dial status and the channel's cause
_HANGUP_FOLLOWS = 0.5  # seconds between a playback that failed and the hang-up that made it fail
_LEAVING = {"ChannelHangupRequest", "StasisEnd", "ChannelDestroyed"}


@dataclass(frozen=True, slots=True)
class Manner:
    """How calls are made."""

    app: str
    endpoint: str
    caller_id: str
    ring_seconds: float
    most_seconds: float
    key_seconds: float
    most_survey_seconds: float
    answer_seconds: float


class Call:
    """A message being told. `until` is the time.monotonic() at which it must be over (M1)."""

    def __init__(
        self,
        message: Outgoing,
        *,
        media: str,
        manner: Manner,
        until: float,
        rest: Rest,
        left_up: Callable[[str], None],
    ) -> None:
        self.id = str(uuid.uuid4())
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.message, self.media, self.manner, self.until = message, media, manner, until
        self._rest, self._left_up = rest, left_up
        self._playback = ""
        self._is_leaving = False  # the callee hung up; what else belongs to it may still come
        self._is_gone = False
        self._is_heard = False
        self._is_repeated = False
        self._keys = ""

    def place(self) -> Outcome:
        """Dial, tell, take keys, hang up."""
        if refused := self._dial():
            return refused
        try:
            return self._ring() or self._talk()
        finally:
            if not self._is_gone:
                self._hang_up()

    def _dial(self) -> Outcome | None:
        try:
            status, _answer = self._rest.ask(
                "POST", f"/channels/{self.id}", body=self._order(), before=min(self.message.deadline, self.until)
            )
        except TooLate:
            return self._ended(Verdict.NOT_HANDED, "deadline")
        except NotSent:
            return self._ended(Verdict.RETRY, "not_connected", causes.SOON)
        except Unanswered:
            self._hang_up()
            return self._ended(Verdict.UNCERTAIN, "no_reply")
        if 200 <= status < 300:
            return None
        if status in (400, 422):
            return self._ended(Verdict.REJECTED, f"ari_{status}")
        if is_unclear(status):
            self._hang_up()
            return self._ended(Verdict.UNCERTAIN, f"ari_{status}")
        return self._ended(Verdict.RETRY, f"ari_{status}", causes.SOON)

    def _order(self) -> dict[str, Any]:
        """All in the body: no address may hold a number. If we die, Asterisk ends the call by itself."""
        left = self.until - time.monotonic()
        longest = min(left, self.manner.ring_seconds + self._most_seconds + _OVERDUE)
        return {
            "endpoint": self.manner.endpoint.replace("{number}", self.message.msisdn),
            "app": self.manner.app,
            "appArgs": f"{self.message.message_class},{self.message.reference}",
            "callerId": self.manner.caller_id,
            "timeout": max(1, int(min(left, self.manner.ring_seconds))),
            "variables": {
                "SMART_CALL_ID": self.message.reference,
                "TIMEOUT(absolute)": str(max(1, int(longest))),
            },
        }

    def _ring(self) -> Outcome | None:
        """Wait for an answer; None when there is one."""
        end = min(time.monotonic() + self.manner.ring_seconds + _OVERDUE, self.until)
        dialstatus, is_started, is_up = "", False, False
        while event := self._next(end):
            match event["type"]:
                case "StasisStart":
                    is_started = True
                case "Dial":
                    dialstatus = str(event.get("dialstatus") or dialstatus)
                    if causes.is_final(dialstatus):
                        end = min(end, time.monotonic() + _CAUSE_FOLLOWS)
                case "ChannelDestroyed":
                    return self._ended(*causes.meaning(_cause(event), dialstatus))
                case "(lost)":
                    return self._ended(Verdict.UNCERTAIN, "events_lost")
                case "(stop)":
                    return self._ended(Verdict.NOT_HANDED, "stopping")
            is_up = is_up or _state(event) == "Up"
            if is_started and is_up:
                return None
        if time.monotonic() >= self.until:
            return self._ended(Verdict.RETRY, "closing")
        return self._ended(*causes.meaning(0, dialstatus))

    def _talk(self) -> Outcome:
        """Play the prompt and take keys, until both are done or somebody hangs up."""
        if refused := self._play():
            return refused
        end = finish = min(time.monotonic() + self._most_seconds, self.until)
        while event := self._next(finish):
            match event["type"]:
                case "PlaybackFinished" if part_of(event, "playback").get("id") == self._playback:
                    if is_failed(event) and not self._is_told:
                        return self._unplayed()
                    self._is_heard = True
                    finish = min(end, time.monotonic() + self.manner.key_seconds)
                case "ChannelDtmfReceived":
                    key = str(event.get("digit"))
                    if key == END and self._is_told:
                        break
                    finish = self._pressed(key, finish=finish, end=end)
                    if len(self._keys) == _MOST_KEYS:
                        break
                case "ChannelDestroyed":
                    return self._told("hung_up")
                case "(lost)":
                    return self._told() if self._is_told else self._ended(Verdict.UNCERTAIN, "events_lost")
                case "(stop)":
                    break
        return self._told("cut")

    @property
    def _most_seconds(self) -> float:
        """How long the talk may take."""
        return self.manner.most_seconds

    @property
    def _is_told(self) -> bool:
        return self._is_heard or bool(self._keys)

    def _play(self) -> Outcome | None:
        """Begin the prompt; who answered a call that stays silent is not rung again."""
        self._playback = str(uuid.uuid4())
        body = {"media": self.media, "lang": self.message.language}
        try:
            status, _answer = self._rest.ask("POST", f"/channels/{self.id}/play/{self._playback}", body=body)
        except RequestFailed as error:
            verdict = Verdict.UNCERTAIN if isinstance(error, Unanswered) else Verdict.REJECTED
            return self._told() if self._is_told else self._ended(verdict, NOT_PLAYED)
        if status in (404, 409, 412):  # hung up meanwhile
            return self._told("hung_up")
        if not 200 <= status < 300:
            return self._told() if self._is_told else self._unplayed()
        return None

    def _unplayed(self) -> Outcome:
        """How a call ends whose prompt was not played: its callee hung up meanwhile, or there is nothing to play.

        A hang-up fails what is playing, and Asterisk tells of both within a millisecond in no certain order. Taken for
        a missing file it would hold back every other call.
        """
        end = time.monotonic() + _HANGUP_FOLLOWS
        while not self._is_gone and (event := self._next(end)):
            if event["type"] == "(lost)":
                return self._ended(Verdict.UNCERTAIN, "events_lost")
        if self._is_leaving:
            return self._told("hung_up")
        return self._ended(Verdict.REJECTED, NOT_PLAYED)

    def _pressed(self, key: str, *, finish: float, end: float) -> float:
        """Take a key; return when the call now finishes unless more happens. The first 0 repeats the prompt."""
        soon = min(end, time.monotonic() + self.manner.key_seconds)
        if key == REPEAT and not self._keys:
            if self._is_repeated:
                return finish
            self._is_repeated = True
            return end if self._repeat() else soon
        if len(key) == 1 and key in _KEYS:
            self._keys += key
            return soon
        return finish

    def _repeat(self) -> bool:
        """Play from the beginning; True when it does."""
        return self._stop_playing() and self._play() is None

    def _stop_playing(self) -> bool:
        """Stop what is being played; True when it has ended."""
        try:
            self._rest.ask("DELETE", f"/playbacks/{self._playback}")
        except RequestFailed:
            return False
        return True

    def _hang_up(self) -> None:
        try:
            status, _answer = self._rest.ask("DELETE", f"/channels/{self.id}", reason_code="16")
        except RequestFailed:
            status = 0
        if status not in (204, 404):
            logger.warning("A call could not be hung up, it will be tried again: %s", self.id)
            self._left_up(self.id)

    def _next(self, end: float) -> Event | None:
        try:
            event = self.events.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            return None
        self._is_leaving = self._is_leaving or event["type"] in _LEAVING
        self._is_gone = self._is_gone or event["type"] == "ChannelDestroyed"
        return event

    def _told(self, otherwise: str = "") -> Outcome:
        """The call is over and reached its reader; `otherwise` is what to say if not to the prompt's end."""
        return Outcome(
            self.message,
            Verdict.ACCEPTED,
            network_ids=(self.id,),
            error="" if self._is_told else otherwise,
            answer=self._keys,
            is_final=True,
        )

    def _ended(self, verdict: Verdict, error: str, retry_after: float = 0) -> Outcome:
        ids = (self.id,) if verdict == Verdict.UNCERTAIN else ()
        return Outcome(self.message, verdict, network_ids=ids, error=error, retry_after=retry_after)


def part_of(event: Event, part: str) -> dict[str, Any]:
    value = event.get(part)
    return value if isinstance(value, dict) else {}


def is_failed(event: Event) -> bool:
    """True when a playback ended without having been played."""
    return part_of(event, "playback").get("state") == "failed"


def _state(event: Event) -> str:
    return str(part_of(event, "channel").get("state", ""))


def _cause(event: Event) -> int:
    value = event.get("cause")
    return value if isinstance(value, int) else 0
