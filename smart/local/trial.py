"""What choosing offers gains (M7): the same campaign to equal parts of a population whose taste is known.

One part gets the offer with the best score, learned day by day, and a tenth of it any; another any offer by chance.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection

from campaigns.campaign import lifecycle
from campaigns.models import Campaign, Offer, Partner, Placement, Redemption, Variant
from campaigns.offers import approval
from campaigns.offers.drafts import Draft
from core.lib import astana
from core.lib.intervals import Difference, difference
from enrollment.models import Subscriber, Town
from smart.local import simulated
from smart.local.population import make_members

CATEGORIES = ("food", "cinema", "books", "home")
CHOSEN, ANY = 10, 100  # per cent given any offer
PARTS = ("almaty", "astana", "shymkent")


@dataclass
class Arm:
    """What became of a part of the population, day by day: (members, redeemed)."""

    days: list[tuple[int, int]] = field(default_factory=list)

    @property
    def members(self) -> int:
        return sum(members for members, _redeemed in self.days)

    @property
    def redeemed(self) -> int:
        return sum(redeemed for _members, redeemed in self.days)

    @property
    def share(self) -> float:
        """The share that redeemed."""
        return self.redeemed / self.members


def gain(better: Arm, other: Arm) -> Difference:
    """How much larger a share of one redeemed, with its 95 % interval."""
    return difference(better.redeemed, better.members, other.redeemed, other.members)


def populate(*, members: int) -> None:
    """Make parts of so many members each, with interests and ages."""
    make_members(len(PARTS) * members)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE enrollment_membership SET consents = 63 WHERE joined_by = 'made-up'")
        cursor.execute(
            # Ages by chance: whom a day reaches must not all be of one.
            "UPDATE enrollment_subscriber SET language = 'ru', town_id = (%s::bigint[])[1 + id %% %s],"
            " birth_date = date '1950-01-01' + ((hashint8extended(id, 7) & 2147483647) %% 20000)::int"
            " WHERE tariff = 'made-up'",
            [[Town.objects.get(code=part).pk for part in PARTS], len(PARTS)],
        )
    last = Subscriber.objects.order_by("-pk").values_list("pk", flat=True)[0]
    simulated.give_interests(first=0, after=last + 1)


def run(
    *,
    part: str,
    exploration: int,
    members: int,
    days: int,
    now: datetime,
    taste: simulated.Taste = simulated.USUAL,
) -> Arm:
    """Send a part of the population its offers, as many a day; who likes his redeems before the next day."""
    made = campaign(part=part, exploration=exploration, members=members, days=days, now=now)
    lifecycle.launch(campaign=made, by="trial", now=now)
    arm = Arm()
    for day in range(days):
        begins = now + timedelta(days=day)
        lifecycle.feed(now=begins)
        simulated.react(campaign=made, now=begins + timedelta(hours=6), since=begins, taste=taste)
        placed = Placement.objects.filter(campaign=made, placed_at=begins).count()
        taken = Redemption.objects.filter(campaign=made, at__gte=begins).count()
        arm.days.append((placed, taken))
    return arm


def campaign(*, part: str, exploration: int, members: int, days: int, now: datetime) -> Campaign:
    """A draft of four offers to a part of the population."""
    partner = Partner.objects.create(name=f"{part} {exploration}", slug=f"{part}-{exploration}", created_at=now)
    its_offers = [_offer(partner, category, now, days) for category in CATEGORIES]
    made = Campaign.objects.create(
        name=f"{part} {exploration}", audience={"towns": [part]}, channels=["sms"], starts_at=now,
        ends_at=now + timedelta(days=days + 1), daily_budget=-(-members // days), exploration=exploration,
        created_by="trial", created_at=now,
    )  # fmt: skip
    for offer in its_offers:
        Variant.objects.create(campaign=made, offer=offer)
    return made


def _offer(partner: Partner, category: str, now: datetime, days: int) -> Offer:
    today = astana.day_of(now)
    draft = Draft(
        category=category,
        valid_from=today,
        valid_to=today + timedelta(days=days + 2),
        channels=("sms",),
        title_ru=category,
        text_ru="Скидка {code}",
        codes="unique",
    )
    offer = approval.create(partner=partner, draft=draft, by="partner:trial", now=now)
    offer = approval.submit(offer=offer, by="partner:trial", now=now)
    return approval.approve(offer=offer, by="staff:trial", now=now)
