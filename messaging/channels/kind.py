"""A kind of transport is one protocol towards a network, declared by its folder (docs/recipes.md).

Settings, senders, `make run` and docs/reference.md take it from the declaration. `make run` reads declarations before
there are settings, so they are cheap to read: neither this module nor a folder's own file imports Django. The class
that hands messages over is named, and imported when an entry of TRANSPORTS_FILE wants it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from core.lib import declarations


@dataclass(frozen=True, slots=True)
class Option:
    """What an entry of TRANSPORTS_FILE may say: its meaning, a value as an example, which has the option's type."""

    meaning: str
    example: str | int | float | bool | list[str]
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class TransportKind:
    """A protocol; the kind is the folder's name."""

    title: str
    transport: str  # the class's dotted path (messaging.channels.base.Transport)
    channels: tuple[str, ...]  # that an entry serves, unless it says otherwise
    has_process: bool  # `run_sender --kind`: its hand-overs are long or its connections kept. Else the worker sends
    health: str  # when it counts as up
    options: Mapping[str, Option]  # of its own; every kind has COMMON


COMMON = {
    "name": Option("what it is called in lists and logs", "smsc-1", is_required=True),
    "channels": Option("what it serves, of sms, ussd and ivr", ["sms"]),
    "weight": Option("its share of a channel's messages, beside the others' weights; 1", 2),
    "rate": Option("messages a second, at most; 0: as fast as it goes", 100),
}


@cache
def kinds() -> dict[str, TransportKind]:
    """Every kind by its name. Raises TypeError, naming the folder, for one that declares none."""
    return declarations.find("messaging.channels", name="TRANSPORT", kind=TransportKind, folders_only=True)


def with_a_process() -> set[str]:
    """The kinds that a process of their own serves."""
    return {name for name, kind in kinds().items() if kind.has_process}
