"""What became of a campaign, exactly: counted in the database in a fixed number of statements, for staff alone.

Of a redemption it is known whose it is only where each member has a code of his own. A code for all is counted by
offer; nobody can say which campaign or member it came from.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from campaigns.models import Campaign, Offer
from core.lib import astana
from core.lib.intervals import Difference, difference

OPT_OUT_WITHIN = timedelta(hours=48)
DIMENSIONS = ("town", "hour", "language", "variant", "channel")


@dataclass(frozen=True, slots=True)
class OfferTally:
    """Members, by what became of their message. `sent` = delivered + undelivered + without receipt + under way."""

    placed: int = 0  # a message was made for them
    sent: int = 0  # the network took it
    delivered: int = 0
    failed: int = 0  # the network would not have it, or did not deliver it
    expired: int = 0
    withheld: int = 0  # refused by a rule, or cancelled
    unknown: int = 0  # hand-over uncertain
    waiting: int = 0
    opted_out: int = 0  # left by own wish within 48 hours after the message
    redeemed: int = 0  # members, by codes of their own
    redemptions: int = 0  # times

    @property
    def rate(self) -> float:
        """The share of those the message was delivered to that redeemed; codes redeem without a receipt too."""
        return self.redeemed / self.delivered if self.delivered else 0.0


@dataclass(frozen=True, slots=True)
class Compared:
    """How many did something since being placed: of those to be written to, and of the holdout."""

    members: int
    members_did: int
    held_out: int
    held_out_did: int

    @property
    def difference(self) -> Difference:
        """How much larger the first share is."""
        return difference(self.members_did, self.members, self.held_out_did, self.held_out)


@dataclass(frozen=True, slots=True)
class Figures:
    """A campaign's results. Offer None: all of them; keys of `parts` are ids, hours, codes, None where not known."""

    totals: dict[int | None, OfferTally]
    parts: dict[tuple[int | None, str], dict[Any, OfferTally]]
    reasons: dict[int | None, dict[tuple[str, str], int]]  # (state, why) of what was not delivered
    held_out: int
    uplift: Compared | None  # redeemed a code of its partners; None: no holdout, or no offer with a code for each
    shared: dict[int, int]  # redemptions of codes for all, by offer
    leaving: Compared | None = None  # left by own wish; None: no holdout

    @property
    def matched(self) -> int:
        """Whom the campaign had in mind, the holdout included."""
        return self.totals[None].placed + self.held_out


# One pass over the month's messages; what is grouped many ways afterwards is a few thousand cells.
_FIGURES = """
WITH said AS MATERIALIZED (
    -- What became of each message.
    SELECT subscriber_id, state, why, language, channel,
           COALESCE(submitted_at, CASE WHEN state = 'delivered' THEN ended_at END) AS sent_at,
           CASE WHEN state = 'delivered' THEN extract(hour FROM ended_at AT TIME ZONE 'Asia/Almaty')::int END AS hour
    FROM messaging_message
    WHERE campaign = %(campaign)s AND message_class = 'offer' AND month BETWEEN %(first)s AND %(last)s
), gone AS MATERIALIZED (
    -- Who left by their own wish soon after.
    SELECT DISTINCT l.subscriber_id FROM said JOIN enrollment_membership l USING (subscriber_id)
    WHERE l.left_reason = 'opt_out' AND l.left_at >= said.sent_at AND l.left_at < said.sent_at + %(within)s
      AND l.left_at >= %(since)s
), took AS MATERIALIZED (
    -- Who redeemed, and how often.
    SELECT subscriber_id, count(*) AS times FROM campaigns_redemption
    WHERE campaign_id = %(campaign)s AND subscriber_id IS NOT NULL GROUP BY 1
), cells AS MATERIALIZED (
    -- Everything counted once by every part; from here on a few thousand rows.
    SELECT p.offer_id AS offer, p.variant_id AS variant, s.town_id AS town, said.hour, said.language, said.channel,
           COALESCE(said.state, '') AS state, COALESCE(said.why, '') AS why, count(*) AS n,
           count(gone.subscriber_id) AS gone, count(took.subscriber_id) AS took, sum(COALESCE(took.times, 0)) AS times
    FROM campaigns_placement p JOIN enrollment_subscriber s ON s.id = p.subscriber_id
    LEFT JOIN said ON said.subscriber_id = p.subscriber_id
    LEFT JOIN gone ON gone.subscriber_id = p.subscriber_id LEFT JOIN took ON took.subscriber_id = p.subscriber_id
    WHERE p.campaign_id = %(campaign)s AND p.variant_id IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
)
SELECT grouping(offer), grouping(town, hour, language, variant, channel, state), offer, town, hour, language, variant,
       channel, state, why, sum(n),
       sum(n) FILTER (WHERE state IN ('submitted', 'delivered', 'undelivered', 'unreported')),
       sum(n) FILTER (WHERE state = 'delivered'), sum(n) FILTER (WHERE state IN ('undelivered', 'failed')),
       sum(n) FILTER (WHERE state = 'expired'), sum(n) FILTER (WHERE state IN ('refused', 'cancelled')),
       sum(n) FILTER (WHERE state = 'unknown'), sum(n) FILTER (WHERE state IN ('waiting', 'claimed')),
       sum(gone), sum(took), sum(times)
FROM cells
GROUP BY GROUPING SETS ((), (offer), (town), (offer, town), (hour), (offer, hour), (language), (offer, language),
    (variant), (offer, variant), (channel), (offer, channel), (state, why), (offer, state, why))
"""
_BITS = {0b011111: "town", 0b101111: "hour", 0b110111: "language", 0b111011: "variant", 0b111101: "channel"}
_BY_STATE, _TOTAL = 0b111110, 0b111111
_NOT_A_REASON = frozenset({"", "waiting", "claimed", "submitted", "delivered"})
_COMPARED = """
SELECT p.variant_id IS NULL, count(*), count(*) FILTER (WHERE took.at >= p.placed_at), count(gone.subscriber_id)
FROM campaigns_placement p LEFT JOIN (
    SELECT subscriber_id, max(at) AS at FROM campaigns_redemption
    WHERE subscriber_id IS NOT NULL AND at >= %(since)s AND at < %(until)s
      AND partner_id IN (SELECT partner_id FROM campaigns_offer WHERE id = ANY(%(offers)s))
    GROUP BY 1
) took ON took.subscriber_id = p.subscriber_id
LEFT JOIN (
    SELECT DISTINCT subscriber_id FROM campaigns_placement q JOIN enrollment_membership l USING (subscriber_id)
    WHERE q.campaign_id = %(campaign)s AND l.left_reason = 'opt_out' AND l.left_at >= q.placed_at
      AND l.left_at >= %(since)s AND l.left_at < %(settled)s
) gone ON gone.subscriber_id = p.subscriber_id
WHERE p.campaign_id = %(campaign)s GROUP BY 1
"""
_SHARED = """
SELECT offer_id, count(*) FROM campaigns_redemption
WHERE offer_id = ANY(%(offers)s) AND code_id IS NULL AND at >= %(since)s AND at < %(until)s GROUP BY 1
"""


@transaction.atomic
def of(campaign: Campaign) -> Figures:
    """Count a launched campaign's results: four statements, however many offers and members."""
    offers = list(Offer.objects.filter(variants__campaign=campaign).distinct())
    given = _given(campaign, offers)
    totals: dict[int | None, OfferTally] = {None: OfferTally(), **{offer.pk: OfferTally() for offer in offers}}
    parts: dict[tuple[int | None, str], dict[Any, OfferTally]] = {
        (offer, dimension): {} for offer in totals for dimension in DIMENSIONS
    }
    reasons: dict[int | None, dict[tuple[str, str], int]] = {offer: {} for offer in totals}
    for is_all, bits, offer, *row in _rows(_FIGURES, given):
        which = None if is_all else offer
        keys, (state, why), counted = row[:5], row[5:7], row[7:]
        tally = OfferTally(*(int(count or 0) for count in counted))
        if bits == _TOTAL:
            totals[which] = tally
        elif bits != _BY_STATE:
            dimension = _BITS[bits]
            parts[which, dimension][keys[DIMENSIONS.index(dimension)]] = tally
        elif state not in _NOT_A_REASON:
            reasons[which][state, why] = tally.placed
    uplift, leaving = _compared(given)
    is_compared = bool(uplift.held_out and uplift.members)
    can_tell = any(offer.codes == Offer.Codes.UNIQUE for offer in offers)
    return Figures(
        totals=totals,
        parts=parts,
        reasons=reasons,
        held_out=uplift.held_out,
        uplift=uplift if is_compared and can_tell else None,
        shared=dict(_rows(_SHARED, given)),
        leaving=leaving if is_compared else None,
    )


def _compared(given: dict[str, Any]) -> tuple[Compared, Compared]:
    """Who redeemed, who left, of those placed to be written to and of the holdout."""
    counted = {is_held_out: tuple(row) for is_held_out, *row in _rows(_COMPARED, given)}
    members, took, left = counted.get(False, (0, 0, 0))
    held_out, also_took, also_left = counted.get(True, (0, 0, 0))
    return Compared(members, took, held_out, also_took), Compared(members, left, held_out, also_left)


def _given(campaign: Campaign, offers: list[Offer]) -> dict[str, Any]:
    since = campaign.launched_at or campaign.starts_at
    return {
        "campaign": campaign.pk,
        "offers": [offer.pk for offer in offers],
        "first": astana.month_of(since),
        "last": astana.month_of(max(since, campaign.ends_at)),
        "since": since,
        "until": redeemable_until(campaign, offers),
        "within": OPT_OUT_WITHIN,
        "settled": (campaign.finished_at or campaign.ends_at) + OPT_OUT_WITHIN,
    }


def redeemable_until(campaign: Campaign, offers: list[Offer]) -> datetime:
    """The end of the last day on which one of its codes redeems."""
    last: date = max((offer.valid_to for offer in offers), default=astana.day_of(campaign.ends_at))
    return astana.start_of(last + timedelta(days=1))


def _rows(statement: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return cursor.fetchall()
