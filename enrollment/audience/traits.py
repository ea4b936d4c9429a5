"""What rooms above know of a member and an audience may ask for: registered at start, one SQL test each."""

from dataclasses import dataclass

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class Trait:
    """A yes-or-no property of a member.

    `test` is a boolean expression over `s` (enrollment_subscriber) and `m` (the open membership) and the parameters
    now, this_month and last_month (dates, the first day); it holds no value a person typed.
    """

    code: str
    label: str | Promise
    group: str | Promise
    test: str


_traits: dict[str, Trait] = {}


def register(trait: Trait) -> None:
    """Make a trait known; called from a room's AppConfig.ready()."""
    _traits[trait.code] = trait


def known() -> dict[str, Trait]:
    """Every trait by its code, in the order registered."""
    return dict(_traits)
