"""Steps of offers in words: for the partner its own people by name, our staff as SMART; for staff everybody by name."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from campaigns.models import Offer, OfferEvent, Partner, PartnerMember


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One step: when, by whom, to where, and why."""

    at: datetime
    by: str
    offer: Offer
    state: str  # the code, for its colour
    words: str
    note: str


def told(events: Iterable[OfferEvent], *, partner: Partner) -> list[HistoryEntry]:
    """Return the steps as the partner may read them."""
    found = list(events)
    people = PartnerMember.objects.filter(partner=partner).select_related("user") if found else []
    names = {f"partner:{one.user.username}": one.user.first_name or one.user.email for one in people}
    return [_step(event, name_in_words(event.by, names)) for event in found]


def told_to_staff(events: Iterable[OfferEvent], *, partner: Partner) -> list[HistoryEntry]:
    """Return the steps with everybody by name."""
    names = names_for_staff(partner)
    return [_step(event, by_for_staff(event.by, names)) for event in events]


def _step(event: OfferEvent, by: str) -> HistoryEntry:
    return HistoryEntry(
        at=event.at,
        by=by,
        offer=event.offer,
        state=event.after,
        words=_("edited") if event.before == event.after else event.get_after_display(),
        note="" if event.note == "edited" else event.note,
    )


def names_for_staff(partner: Partner) -> dict[str, str]:
    """The partner's people as staff know them."""
    people = PartnerMember.objects.filter(partner=partner).select_related("user", "partner")
    return {f"partner:{one.user.username}": _known_as(one) for one in people}


def _known_as(one: PartnerMember) -> str:
    return f"{one.user.first_name or one.user.email} ({one.get_role_display()}, {one.partner})"


def by_for_staff(by: str, names: dict[str, str]) -> str:
    """Who did it: a person of the partner's, a program, a colleague, or a job of ours."""
    if by in names:
        return names[by]
    kind, _colon, name = by.partition(":")
    words = {
        "staff": "%(name)s",
        "client": _("program “%(name)s”"),
        "partner": _("somebody who left the partner (%(name)s)"),
        "job": _("the programme itself"),
    }
    return words.get(kind, by) % {"name": name} if name else by


def name_in_words(by: str, names: dict[str, str]) -> str:
    """A person of the partner's by name; a program of its own; anybody else is SMART."""
    if by in names:
        return names[by]
    if by.startswith("client:"):
        return _("your program")
    return _("somebody who left") if by.startswith("partner:") else "SMART"
