"""Whose codes a member has redeemed."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Partner
from core.lib import alphabet
from enrollment.audience.condition import Audience, Choice, Condition, Test
from enrollment.audience.words import either


def _options() -> list[tuple[str, str]]:
    return alphabet.by_name(Partner.objects.values_list("slug", "name"))


def _known(slugs: Collection[str]) -> Iterable[str]:
    return Partner.objects.filter(slug__in=slugs).values_list("slug", flat=True)


def _sql(audience: Audience, now: datetime) -> Test:
    return (
        "EXISTS (SELECT FROM campaigns_redemption taken WHERE taken.subscriber_id = s.id AND taken.partner_id"
        " = ANY(ARRAY(SELECT id FROM campaigns_partner WHERE slug = ANY(%(redeemed_from)s))))",
        {"redeemed_from": list(audience.chosen("redeemed_from"))},
    )


def _words(audience: Audience) -> str:
    names = Partner.objects.filter(slug__in=audience.chosen("redeemed_from")).order_by("name")
    return _("who redeemed a code of %(partners)s") % {"partners": either(f"“{partner}”" for partner in names)}


CONDITION = Condition(
    place=85,
    line=6,
    fields=(
        Choice(
            name="redeemed_from",
            label=gettext_lazy("codes of partners"),
            lead=gettext_lazy("have redeemed a code of"),
            anything=gettext_lazy("any partner or none"),
            options=_options,
            known=_known,
        ),
    ),
    meaning="Has redeemed a code of one of the partners, at any time: a code of their own or the code for all.",
    sql=_sql,
    words=_words,
)
