"""Steps of offers in words for the partner: its own people by name, our staff as SMART."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from campaigns.models import Offer, OfferEvent, Partner, PartnerMember


@dataclass(frozen=True, slots=True)
class Step:
    """One step: when, by whom, to where, and why."""

    at: datetime
    by: str
    offer: Offer
    state: str  # the code, for its colour
    words: str
    note: str


def told(events: Iterable[OfferEvent], *, partner: Partner) -> list[Step]:
    """Return the steps as the partner may read them."""
    found = list(events)
    people = PartnerMember.objects.filter(partner=partner).select_related("user") if found else []
    names = {f"partner:{one.user.username}": one.user.first_name or one.user.email for one in people}
    return [
        Step(
            at=event.at,
            by=name_in_words(event.by, names),
            offer=event.offer,
            state=event.after,
            words=_("edited") if event.before == event.after else event.get_after_display(),
            note="" if event.note == "edited" else event.note,
        )
        for event in found
    ]


def name_in_words(by: str, names: dict[str, str]) -> str:
    """A person of the partner's by name; a program of its own; anybody else is SMART."""
    if by in names:
        return names[by]
    if by.startswith("client:"):
        return _("your program")
    return _("somebody who left") if by.startswith("partner:") else "SMART"
