"""What is over, for the demo: a survey with its answers; a campaign, whom it reached, what they redeemed, what its
partner is told and billed.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from campaigns.campaign import lifecycle
from campaigns.models import Campaign, Offer, Partner, Variant
from campaigns.offers import approval
from campaigns.offers.drafts import Draft
from campaigns.results import publishing, statement
from core.lib import astana
from enrollment.models import Subscriber
from messaging import outbox
from smart.local import demo_surveys, simulated

MEMBERS = 6_000
LEFT_TO_JOIN = 1_000  # the first subscribers, for whoever tries the handset
TASTE = simulated.Taste(redeems=0.18, redeems_if_interested=0.4, fond=1.3)
_SEED = "demo"


def load(*, now: datetime, say: Callable[[str], object] = lambda _: None) -> bool:
    """Make it of last month's second half; return whether there was a partner and nobody's campaign yet."""
    partner = Partner.objects.order_by("pk").first()
    if partner is None or Campaign.objects.exists():
        return False
    starts = simulated.noon(astana.previous_month(astana.month_of(now)).replace(day=18))
    say("Letting members join and answer last month's survey.")
    _join(starts)
    demo_surveys.load_finished(partner=partner, month=astana.month_of(starts), now=now)
    say("Running last month's campaign.")
    campaign = _run(partner, starts)
    simulated.react_at_once(campaign=campaign, now=starts + timedelta(days=4), taste=TASTE, seed=_SEED)
    simulated.leave(campaign=campaign, taste=TASTE, seed=_SEED)
    publishing.publish(campaign=campaign, now=now)
    statement.issue(month=astana.month_of(starts), now=now)
    return True


def _join(starts: datetime) -> None:
    people = Subscriber.objects.order_by("pk").values_list("pk", flat=True)
    first, last = people[min(LEFT_TO_JOIN, people.count() - 1)], people.last()
    with connection.cursor() as cursor:
        # Autovacuum has not looked yet: without this, joining and then placing are planned for tables of nobody.
        cursor.execute("ANALYZE enrollment_subscriber")
        simulated.join_many(count=MEMBERS, first=first, joined_at=starts - timedelta(days=30))
        simulated.give_interests(first=first, after=(last or first) + 1)
        cursor.execute("ANALYZE enrollment_subscriber, enrollment_membership, enrollment_consentevent")


def _run(partner: Partner, starts: datetime) -> Campaign:
    """Launch it, let its messages leave and their receipts come, and let it finish."""
    first_day = astana.day_of(starts)
    coffee = _offer(partner, _COFFEE, first_day)
    lunch = _offer(partner, _LUNCH, first_day)
    campaign = Campaign.objects.create(
        name="Кофе и обеды", channels=["sms", "ussd"], starts_at=starts, ends_at=starts + timedelta(days=3), holdout=10,
        created_by="staff:marketing", created_at=starts - timedelta(days=1),
    )  # fmt: skip
    Variant.objects.create(campaign=campaign, offer=coffee, label="A")
    Variant.objects.create(
        campaign=campaign,
        offer=coffee,
        label="B",
        text_ru="Второй кофе в подарок в «Арбате», до конца месяца. Покажите код {code}.",
        text_kk="«Арбатта» екінші кофе сыйға, ай соңына дейін. {code} кодын көрсетіңіз.",
    )
    Variant.objects.create(campaign=campaign, offer=lunch, label="A")
    lifecycle.launch(campaign=campaign, by="staff:marketing", now=starts)
    lifecycle.feed(now=starts)
    simulated.deliver(now=starts, taste=TASTE, seed=_SEED)
    outbox.sweep(now=starts + timedelta(days=1))  # what got no receipt ends
    lifecycle.feed(now=campaign.ends_at)
    campaign.refresh_from_db()
    return campaign


_COFFEE: dict[str, Any] = {
    "title_ru": "Второй кофе в подарок",
    "title_kk": "Екінші кофе сыйға",
    "text_ru": "«Арбат»: закажите кофе, второй — за наш счёт. Код {code}, до конца месяца.",
    "text_kk": "«Арбат»: кофе алыңыз, екіншісі бізден. Код {code}, ай соңына дейін.",
    "interests": ("coffee",),
}
_LUNCH: dict[str, Any] = {
    "title_ru": "Обеды -20%",
    "title_kk": "Түскі ас -20%",
    "text_ru": "«Арбат»: обеды -20% по будням. Код {code}, до конца месяца.",
    "text_kk": "«Арбат»: жұмыс күндері түскі ас -20%. Код {code}, ай соңына дейін.",
    "interests": ("food",),
}


def _offer(partner: Partner, says: dict[str, Any], first_day: date) -> Offer:
    """An offer of the partner's, approved on the day before."""
    made_at = simulated.noon(first_day - timedelta(days=1))
    draft = Draft(
        category="food",
        valid_from=first_day,
        valid_to=astana.next_month(first_day.replace(day=1)) - timedelta(days=1),
        channels=("sms", "ussd"),
        codes="unique",
        **says,
    )
    return approved(partner, draft, made_at)


def approved(partner: Partner, draft: Draft, now: datetime) -> Offer:
    """Make an offer, written by the partner's owner and approved by marketing."""
    owner = f"partner:{partner.slug}-1"
    offer = approval.create(partner=partner, draft=draft, by=owner, now=now)
    offer = approval.submit(offer=offer, by=owner, now=now)
    return approval.approve(offer=offer, by="staff:marketing", now=now)
