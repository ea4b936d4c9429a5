"""What the portal's templates ask for besides their page's own context."""

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.portal import access

register = template.Library()

# In the order of the navigation; a page whose address does not exist is left out, so is one for owners to others.
PLACES: list[tuple[str, str | Promise, frozenset[str]]] = [
    ("overview", _("Overview"), access.EVERYBODY),
    ("offers", _("Offers"), access.EVERYBODY),
    ("uploads", _("From a file"), access.EDITORS),
    ("redeem:page", _("Redeem a code"), access.EVERYBODY),
    ("partner-results:page", _("Results"), access.EVERYBODY),
    ("sponsored:list", _("Surveys"), access.EVERYBODY),
    ("keys", _("Keys"), access.OWNERS),
    ("team", _("Team"), access.EVERYBODY),
]


@register.inclusion_tag("partners/navigation.html", takes_context=True)
def portal_navigation(context: dict[str, Any]) -> dict[str, Any]:
    """The pages that the person's role opens; the one that is open (or is above it) is marked."""
    request = context["request"]
    member = getattr(request, "member", None)
    places = []
    for name, label, roles in PLACES:
        if member is None or member.role not in roles:
            continue
        try:
            address = reverse(name if ":" in name else f"partners:{name}")
        except NoReverseMatch:
            continue
        is_here = request.path == address or (name != "overview" and request.path.startswith(address))
        places.append((address, label, is_here))
    return {"places": places, "member": member, "request": request}


@register.filter
def has_role(request: Any, role: str) -> bool:
    """Whether the person of the request is at least an editor, or an owner."""
    roles = {"editor": access.EDITORS, "owner": access.OWNERS}[role]
    member = getattr(request, "member", None)
    return member is not None and member.role in roles
