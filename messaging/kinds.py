"""The kinds of message, which of them may leave at night, and the words for why one did not leave."""

from datetime import timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.lib import declarations
from messaging.service_message import ServiceMessage

# Service messages by kind, and their declarations.
SERVICE = declarations.find("messaging.service_messages", name="SERVICE_MESSAGE", kind=ServiceMessage)

# What is no message of the programme's own is of its class's kind.
_CLASSES = {"offer": _("offer"), "survey": _("survey invitation")}

# Why a message was made, where it is not its kind.
_REASONS = {
    "joined": _("joined the programme"),
    "left": _("left the programme"),
    "demo": _("a trial"),
    "survey_reminder": _("reminder of a survey"),
}


def names() -> dict[str, str | Promise]:
    """Every kind there is, in words."""
    return {kind: message.name for kind, message in SERVICE.items()} | _CLASSES


def reasons() -> dict[str, str | Promise]:
    """Every reason to make a message, in words."""
    return names() | _REASONS


def answers() -> frozenset[str]:
    """M8: answers to what the subscriber just did. These alone may leave outside the window, while they still are."""
    return frozenset(kind for kind, message in SERVICE.items() if message.is_answer)


ANSWER_FOR = timedelta(minutes=10)

# The only kind that goes to somebody who is no member any more, this long after leaving.
FAREWELL = "left"
FAREWELL_FOR = timedelta(hours=24)

# Least validity that is worth a store-and-forward network's while: with less left the message waits for tomorrow.
LEAST_VALIDITY = timedelta(minutes=10)

WHY = {
    "window": _("outside the window"),
    "cap_day": _("had an offer that day already"),
    "cap_month": _("the month's limit is reached"),
    "left": _("is no member any more"),
    "no_consent": _("has not agreed to this"),
    "line_lost": _("the number is no longer this person's activ line"),
    "paused": _("sending is paused"),
    "epoch": _("this database is not confirmed for sending"),
    "time_over": _("its time was over"),
    "late": _("could not leave in time"),
    "retry": _("the network did not take it; it is tried again"),
    "not_reached": _("rung three times: busy, or not answered"),
    "not_handed": _("not handed over in time; it is tried again"),
    "repeat": _("hand-over uncertain; repeated once"),
    "rejected": _("the network refused it"),
    "uncertain": _("hand-over uncertain; not repeated"),
    "no_receipt": _("no receipt came in time"),
    "turned_off": _("this kind of message is turned off"),
    "cancelled": _("cancelled"),
    "known": _("the reader knew it already"),
    "no_number": _("the number cannot be read"),
    "busy": _("another message to this person is leaving"),
}
