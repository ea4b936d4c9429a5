"""The menu: codes, digits, order and screens in one table."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smart.ussd.request import Code
from smart.ussd.screens import bonus, membership, surveys
from smart.ussd.visit import Answer, Screen, Visit, WrongKey


def _everybody(visit: Visit) -> bool:
    return True


def _members(visit: Visit) -> bool:
    return visit.membership is not None


def _others(visit: Visit) -> bool:
    return visit.membership is None


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A line of the menu: its digits, label, whom it is listed for, what it does there and when dialed directly."""

    digits: str
    label: str | Promise
    listed: Callable[[Visit], bool]
    chosen: Callable[[Visit], Answer]
    dialed: Callable[[Visit], Answer]
    followed: Callable[[Visit, str], Answer] | None = None  # dialed with a number behind it: `*555*6*12#`


# *555# — in the order shown. `*555*<digits>#` reaches each directly.
MENU = (
    MenuItem("1", gettext_lazy("Join"), _others, membership.consent, membership.consent),
    MenuItem("00", gettext_lazy("Activate bonus"), _members, bonus.activate, bonus.activate),
    MenuItem("3", gettext_lazy("Balance"), _everybody, bonus.tell_balance, bonus.tell_balance),
    MenuItem("6", gettext_lazy("Surveys"), _members, surveys.surveys, surveys.surveys, surveys.choose),
    MenuItem("4", gettext_lazy("Language"), _everybody, membership.languages, membership.languages),
    MenuItem("5", gettext_lazy("Help"), _everybody, membership.care, membership.care),
    MenuItem("2", gettext_lazy("Leave"), _members, membership.ask_to_leave, membership.leave_at_once),
)
_BY_DIGITS = {item.digits: item for item in MENU}

# Screens that wait for a key.
KEYS: dict[str, Callable[[Visit, str], Answer]] = {
    "menu": lambda visit, key: choose(visit, key),
    "consent": membership.answer_consent,
    "leave": membership.answer_leave,
    "language": membership.answer_language,
    "surveys": surveys.choose,
    "survey": surveys.answer,
}
# How to show such a screen again after a wrong key.
AGAIN: dict[str, Callable[[Visit], Answer]] = {
    "menu": lambda visit: show(visit),
    "consent": membership.consent,
    "leave": membership.ask_to_leave,
    "language": membership.languages,
    "surveys": surveys.surveys,
}


def show(visit: Visit) -> Answer:
    """`*555#`."""
    lines = (f"{item.digits} {item.label}" for item in MENU if item.listed(visit))
    return Screen("\n".join(("SMART", *lines)), waits="menu")


def choose(visit: Visit, key: str) -> Answer:
    """A key of the menu, listed for this visitor or not: the screen behind it says why not."""
    item = _BY_DIGITS.get(key)
    if item is None:
        raise WrongKey
    return item.chosen(visit)


def unknown(visit: Visit) -> Answer:
    """A code that is none of ours."""
    return Screen(_("There is no such code. Menu: *555#"))


def dialed(visit: Visit, code: Code) -> tuple[Answer, Iterator[str]]:
    """Resolve a dialed code: its first answer, and the digits still to be pressed on it."""
    rest = iter(code.segments)
    if code.root == "111" and code.segments == ("3",):
        return bonus.tell_balance(visit), iter(())
    if code.root != "555":
        return unknown(visit), iter(())
    first = next(rest, None)
    if first is None:
        return show(visit), rest
    item = _BY_DIGITS.get(first)
    if item is None:
        return unknown(visit), iter(())
    if item.followed is not None and (number := next(rest, None)) is not None:
        visit.key = number
        try:
            return item.followed(visit, number), rest
        except WrongKey:
            return unknown(visit), iter(())
    # With digits to follow they are the menu's: `*555*2*2#` declines what `*555*2#` does at once.
    return (item.chosen if len(code.segments) > 1 else item.dialed)(visit), rest
