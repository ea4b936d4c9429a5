"""Why this member got this offer, in words: for who asks "why this?" (M7)."""

import re

from django.utils.translation import gettext as _

_RATE = re.compile(r"rate=([0-9.]+)")
_OFFER = re.compile(r"offer=([0-9]+)")


def in_words(reason: str) -> str:
    """Return the reason that placing wrote down ("offer offer=12 chance interest town rate=0.0312") as a sentence.

    Any other message's reason is returned as it is.
    """
    words = reason.split()
    offer = _OFFER.search(reason)
    if not words or words[0] != "offer" or offer is None:
        return reason
    told = [
        _("chosen by chance among those that fit, so that we learn")
        if "chance" in words
        else _("the likeliest to please among those that fit")
    ]
    if "interest" in words:
        told.append(_("it is about an interest of the member's"))
    if "town" in words:
        told.append(_("it is for the member's town"))
    if rate := _RATE.search(reason):
        told.append(
            _("of members of this age and gender about %(rate)s %% take it") % {"rate": f"{100 * float(rate[1]):.1f}"}
        )
    return _("Offer №%(offer)s: %(why)s") % {"offer": offer[1], "why": "; ".join(told)}
