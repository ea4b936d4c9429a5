"""A message may begin a conversation: what its reader keys in is answered at once, in the same dialog or call.

Which class of message has one is `settings.CONVERSATIONS`, dotted paths to rooms above this one. A transport shows the
message, hands over each key in turn and shows what comes back, until a turn goes on no more.
"""

import enum
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import translation
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from core.lib.logs import mask_numbers
from messaging.channels.base import Outgoing

logger = logging.getLogger(__name__)

State = dict[str, Any]  # the conversation's own, of what JSON can hold; a transport only gives it back
MOST_KEPT = 182  # characters of Attempt.answer


class Keys(enum.StrEnum):
    """How an answer is keyed in, for a telephone that has no send key."""

    ONE = "one"  # one key, never 0: it answers at once
    DIGITS = "digits"  # several, to # or a pause
    TEXT = "text"  # letters: on a screen only


@dataclass(frozen=True, slots=True)
class Turn:
    """What is shown or said next: it waits for an answer (`goes_on`), or these are the last words."""

    text: str
    goes_on: bool = False
    keys: Keys = Keys.ONE
    state: State = field(default_factory=dict)


# The message, what was keyed in, the last turn's state (None: it answers the message itself) → the next turn. Without a
# key (None) the reader is silent or time is up: the turn takes leave.
Converse = Callable[[Outgoing, str | None, State | None], Turn]


def begins(message: Outgoing) -> bool:
    """True when an answer to the message begins a conversation."""
    return message.message_class in settings.CONVERSATIONS


def turn(message: Outgoing, key: str | None, state: State | None) -> Turn:
    """Return the next turn; what was not foreseen ends the conversation politely. Raises nothing.

    Runs in a transport's thread. It asks the database, which transports do not; the connection is given back before
    the reader is waited for, so that a hundred conversations hold none.
    """
    try:
        converse: Converse = import_string(settings.CONVERSATIONS[message.message_class])
        return converse(message, key, state)
    except Exception as error:  # its text may hold what was keyed in
        logger.error("A conversation ended by an error of ours: %s", type(error).__name__)
        with translation.override(message.language):
            return Turn(_("SMART is busy. Please try again in a minute."))
    finally:
        if not connection.in_atomic_block:
            connection.close()


def kept(keys: Iterable[str]) -> str:
    """What was keyed in, as Attempt.answer keeps it: "1*2*13"."""
    return "*".join(keys)[:MOST_KEPT]


def as_kept(key: str, asked: Turn) -> str:
    """What Attempt.answer keeps of one answer: of a text, that there was one. Its words are the conversation's own."""
    return "…" if asked.keys is Keys.TEXT else mask_numbers(key)
