"""A call that is a conversation: prompt after prompt is played, each is answered by keys."""

import time
from collections.abc import Callable
from typing import Any

from messaging.channels import conversations
from messaging.channels.base import Outcome, Outgoing, Verdict
from messaging.channels.conversations import Keys, State, Turn
from messaging.channels.ivr.ari import Event
from messaging.channels.ivr.call import END, REPEAT, Call, is_failed, part_of

# Kept back for the last words when time is up.
_LAST_WORDS_SECONDS = 10.0
_FAREWELL_SECONDS = 30.0  # that they take at most
_MOST_KEYS = 60  # of an answer
_BACK = "*"
_DIGITS = "0123456789*"


class _Over(Exception):
    """There is nobody to talk to any more; `outcome` is how the call went."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class Conversation(Call):
    """A message whose reader answers questions; `sounds` makes a prompt playable, and None where nothing says it.

    Events wait in the call's queue while the next prompt is being made: a key pressed meanwhile answers it.
    """

    def __init__(self, message: Outgoing, *, sounds: Callable[[str, str], str | None], **call: Any) -> None:
        super().__init__(message, **call)
        self._sounds = sounds
        self._answers: list[str] = []
        self._is_playing = False
        self._end = 0.0

    @property
    def _most_seconds(self) -> float:
        return self.manner.most_survey_seconds

    @property
    def _is_told(self) -> bool:
        return self._is_heard or bool(self._keys) or bool(self._answers)

    def _talk(self) -> Outcome:
        """Ask and take answers until the last words are said, somebody hangs up, or time is up."""
        start = time.monotonic()
        end = min(start + self._most_seconds, self.until)
        self._end = end - min(_LAST_WORDS_SECONDS, max(0.0, end - start) / 4)
        try:
            turn = self._ask(Turn(self.message.text, goes_on=True))
            self._end = min(end, time.monotonic() + _FAREWELL_SECONDS)
            self._say(turn)
        except _Over as over:
            return over.outcome
        return self._told()

    def _ask(self, turn: Turn) -> Turn:
        """From the invitation on, to the last words."""
        state: State | None = None
        self._begin_playing()
        while True:
            key = self._hear(turn, insists=state is not None)
            if key is None and state is None:
                raise _Over(self._told("cut"))  # nobody answered the invitation: it is not insisted on
            if key is not None:
                self._answers.append(conversations.as_kept(key, turn))
            turn = conversations.turn(self.message, key, state)
            if turn.goes_on and time.monotonic() >= self._end:
                turn = conversations.turn(self.message, None, turn.state)
            state = turn.state
            if not turn.goes_on:
                return turn
            self._load(turn)
            self._begin_playing()

    def _say(self, turn: Turn) -> None:
        """The last words, to their end; a key cuts nothing off any more."""
        self._load(turn)
        self._begin_playing()
        while self._is_playing and self._event(self._end) is not None:
            pass

    def _hear(self, turn: Turn, *, insists: bool) -> str | None:
        """The answer to what is being played; None when time is up, or the reader stays silent, even asked again."""
        keys = ""
        while True:
            finish = self._end if self._is_playing and not keys else time.monotonic() + self._patience(keys)
            event = self._event(min(finish, self._end))
            if event is None and time.monotonic() >= self._end:
                return None
            if event is None and (keys or not insists):
                return keys or None
            if event is None:
                insists = False
                self._begin_playing()
            elif event["type"] == "ChannelDtmfReceived":
                key = str(event.get("digit"))
                if key == REPEAT and not keys and turn.keys is Keys.ONE:
                    self._begin_playing()
                elif key == END and keys:
                    return keys
                elif len(key) == 1 and key in _DIGITS:
                    keys += key
                    self._hush()
                    if turn.keys is Keys.ONE or keys == _BACK or len(keys) == _MOST_KEYS:
                        return keys

    def _patience(self, keys: str) -> float:
        return self.manner.key_seconds if keys else self.manner.answer_seconds

    def _event(self, end: float) -> Event | None:
        """The next thing that happens by then. Raises _Over when it ends the call."""
        event = self._next(end)
        if event is None:
            return None
        match event["type"]:
            case "PlaybackFinished" if part_of(event, "playback").get("id") == self._playback:
                if is_failed(event) and not self._is_told:
                    raise _Over(self._unplayed())
                self._is_heard, self._is_playing = True, False
            case "ChannelDestroyed":
                raise _Over(self._told("hung_up"))
            case "(lost)":
                raise _Over(self._told() if self._is_told else self._ended(Verdict.UNCERTAIN, "events_lost"))
            case "(stop)":
                raise _Over(self._told("cut"))
        return event

    def _load(self, turn: Turn) -> None:
        """Have the turn's prompt ready; a conversation that cannot be said ends here."""
        try:
            media = self._sounds(turn.text, self.message.language)
        except OSError:  # no room on the disk
            media = None
        if media is None:
            raise _Over(self._told("no_prompt"))
        self.media = media

    def _begin_playing(self) -> None:
        """Play from the beginning, and stop what was playing."""
        self._hush()
        if refused := self._play():
            raise _Over(refused)
        self._is_playing = True

    def _hush(self) -> None:
        if self._is_playing:
            self._stop_playing()
            self._is_playing = False

    def _told(self, otherwise: str = "") -> Outcome:
        """As of any call; what was keyed in is kept answer by answer."""
        self._keys = conversations.kept(self._answers)
        return super()._told(otherwise)
