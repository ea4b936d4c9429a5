"""The back office's menu, by what people come for."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from core.access import proposal_pages


def _item(title: Any, icon: str, name: str, permission: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(name if ":" in name else f"admin:{name}"),
        "permission": lambda request: request.user.has_perm(permission),
    }


def _badge(request: HttpRequest) -> dict[str, Any]:
    """How many proposals wait for the reader; nothing where none do."""
    count = proposal_pages.count_for(request)
    return {"badge": count} if count else {}


def menu(request: HttpRequest) -> list[dict[str, Any]]:
    """Groups of links; each is shown to who may open it."""
    return [
        {
            "title": _("Care"),
            "items": [_item(_("Care desk"), "support_agent", "care:find", "enrollment.view_subscriber")],
        },
        {
            "title": _("Marketing"),
            "items": [
                _item(_("Offers"), "local_offer", "campaigns_offer_changelist", "campaigns.view_offer"),
                _item(_("Campaigns"), "campaign", "campaigns_campaign_changelist", "campaigns.view_campaign"),
                _item(_("Surveys"), "checklist", "surveys_survey_changelist", "surveys.view_survey"),
                _item(_("Audiences"), "groups", "enrollment_savedaudience_changelist", "enrollment.view_savedaudience"),
                _item(_("Partners"), "storefront", "campaigns_partner_changelist", "campaigns.view_partner"),
                _item(_("Categories of offers"), "category", "campaigns_category_changelist",
                      "campaigns.view_category"),
                _item(_("Interests"), "interests", "enrollment_interest_changelist", "enrollment.view_interest"),
                _item(_("Profile facts"), "quiz", "enrollment_fact_changelist", "enrollment.view_fact"),
            ],
        },
        {
            "title": _("Programme"),
            "items": [
                {**_item(_("Proposals"), "approval", "access_proposal_changelist", "access.view_proposal"),
                 **_badge(request)},
                _item(_("Bonus terms"), "tune", "bonuses_bonusterms_changelist", "bonuses.view_bonusterms"),
                _item(_("Consent texts"), "contract", "enrollment_consenttext_changelist",
                      "enrollment.view_consenttext"),
                _item(_("Results"), "bar_chart", "results:list", "campaigns.view_campaign"),
                _item(_("Sending"), "send", "sending:page", "messaging.view_sendingpolicy"),
                _item(_("Service messages"), "sms", "messaging_servicetext_changelist",
                      "messaging.view_servicetext"),
                _item(_("Sending policy"), "rule", "messaging_sendingpolicy_changelist",
                      "messaging.view_sendingpolicy"),
                _item(_("Streams"), "speed", "messaging_stream_changelist", "messaging.view_stream"),
                _item(_("Prompts"), "record_voice_over", "messaging_ivrprompt_changelist",
                      "messaging.view_ivrprompt"),
                _item(_("Directory imports"), "upload_file", "imports:list", "enrollment.view_directoryimport"),
                _item(_("Job runs"), "schedule", "jobs_jobrun_changelist", "jobs.view_jobrun"),
            ],
        },
        {
            "title": _("Records"),
            "items": [
                _item(_("Subscribers"), "sim_card", "enrollment_subscriber_changelist", "enrollment.view_subscriber"),
                _item(_("Memberships"), "group", "enrollment_membership_changelist", "enrollment.view_membership"),
                _item(_("Consent records"), "verified", "enrollment_consentevent_changelist",
                      "enrollment.view_consentevent"),
                _item(_("Grants"), "redeem", "bonuses_grant_changelist", "bonuses.view_grant"),
                _item(_("Ledger"), "receipt_long", "bonuses_ledgerentry_changelist", "bonuses.view_ledgerentry"),
                _item(_("Messages"), "mail", "messaging_message_changelist", "messaging.view_message"),
                _item(_("Attempts"), "outgoing_mail", "messaging_attempt_changelist", "messaging.view_attempt"),
                _item(_("Delivery receipts"), "mark_email_read", "messaging_receipt_changelist",
                      "messaging.view_receipt"),
                _item(_("Survey responses"), "fact_check", "surveys_response_changelist", "surveys.view_response"),
                _item(_("Survey invitations"), "outgoing_mail", "surveys_invitation_changelist",
                      "surveys.view_invitation"),
                _item(_("Debits"), "payments", "bonuses_debit_changelist", "bonuses.view_debit"),
                _item(_("Dials"), "dialpad", "ussd_dial_changelist", "ussd.view_dial"),
                _item(_("Towns"), "location_city", "enrollment_town_changelist", "enrollment.view_town"),
            ],
        },
        {
            "title": _("Administration"),
            "items": [
                _item(_("Sending epochs"), "verified_user", "messaging_sendingepoch_changelist",
                      "messaging.view_sendingepoch"),
                _item(_("API clients"), "key", "access_apiclient_changelist", "access.view_apiclient"),
                _item(_("Audit trail"), "policy", "access_auditevent_changelist", "access.view_auditevent"),
                _item(_("Staff"), "badge", "auth_user_changelist", "auth.view_user"),
                _item(_("Roles"), "shield_person", "auth_group_changelist", "auth.view_group"),
            ],
        },
    ]  # fmt: skip
