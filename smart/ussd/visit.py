"""What a screen knows of its visitor, and what it may answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from enrollment import joining
from enrollment.models import Membership, Subscriber


@dataclass
class Visit:
    """One subscriber in one USSD session, at one step."""

    subscriber_id: int | None
    language: str
    session: str
    by: str  # "ussd:<gateway>"
    now: datetime
    visited_plmn: str = ""
    key: str = ""  # what was pressed or dialed for this step
    context: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def subscriber(self) -> Subscriber | None:
        """The subscription, read when a screen first asks for it."""
        return Subscriber.objects.filter(pk=self.subscriber_id).first() if self.subscriber_id else None

    @cached_property
    def membership(self) -> Membership | None:
        """The open membership, read when a screen first asks for it."""
        return joining.current_membership(self.subscriber_id) if self.subscriber_id else None


@dataclass(frozen=True, slots=True)
class Screen:
    """A text; `waits` names the screen that takes the next key ("" ends the session).

    `must_be_seen`: keys dialed ahead do not pass it; the next key counts only when the last page was shown (J3).
    """

    text: str
    waits: str = ""
    context: dict[str, Any] = field(default_factory=dict)
    must_be_seen: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """Something to be done, in one transaction with the session's step; its Refusal becomes a screen."""

    do: Callable[[Visit], Screen]


Answer = Screen | Act


class WrongKey(Exception):
    """The screen has no such key: it is shown again with a hint."""
