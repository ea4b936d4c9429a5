"""The roles of the back office, as data: groups and what they may do (P1)."""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

_SEEN_BY_ALL = [
    "view_region", "view_town", "view_membership", "view_consenttext", "view_bonusterms", "view_payableservice",
    "view_jobrun", "view_servicetext", "view_sendingpolicy", "view_stream", "view_transporthealth", "view_message",
]  # fmt: skip
ROLES = {
    "marketing": [
        *_SEEN_BY_ALL, "add_consenttext", "change_consenttext", "delete_consenttext", "add_bonusterms",
        "change_bonusterms", "delete_bonusterms", "add_payableservice", "change_payableservice",
        "delete_payableservice", "view_proposal", "change_servicetext", "change_sendingpolicy", "change_stream",
        "view_ivrprompt", "add_ivrprompt", "change_ivrprompt", "delete_ivrprompt",
        "view_directoryimport", "add_directoryimport", "view_grant",
        "view_offer", "change_offer", "view_partner", "add_partner", "change_partner", "view_partnermember",
        "view_category", "view_campaign", "add_campaign", "change_campaign", "delete_campaign", "view_variant",
        "add_variant", "change_variant", "delete_variant", "view_savedaudience", "add_savedaudience",
        "change_savedaudience", "delete_savedaudience", "view_interest", "view_fact", "add_fact", "change_fact",
        *(f"surveys.{verb}_{model}" for model in ("survey", "version", "question", "choice", "quota")
          for verb in ("view", "add", "change", "delete")),
        "surveys.view_response", "surveys.view_invitation",
    ],
    "care": [
        *_SEEN_BY_ALL, "view_subscriber", "change_membership", "view_consentevent", "view_grant", "view_ledgerentry",
        "view_debit", "view_dial", "view_attempt", "view_receipt",
    ],
    "administrator": [],
}  # fmt: skip
_ROOMS = ["enrollment", "messaging", "bonuses", "campaigns", "surveys", "access", "jobs", "ussd", "auth"]


def load(**_: Any) -> None:
    """Create the roles and give them their permissions; what staff added to a role by hand is kept."""
    for name, codenames in ROLES.items():
        group, _made = Group.objects.get_or_create(name=name)
        wanted = Q(codename__in=codenames)
        for app, _dot, codename in (one.partition(".") for one in codenames if "." in one):
            wanted |= Q(content_type__app_label=app, codename=codename)
        if name == "administrator":
            wanted = Q(content_type__app_label__in=_ROOMS)
        group.permissions.add(*Permission.objects.filter(wanted))
