"""The most interesting offer for each (M7): a formula one can say aloud, learned from what members like this one took.

    score = rate(offer, segment) × (1 + 1.0 if an interest is shared + 0.3 if the offer names the member's town)

`rate` is the share of the segment (age band and gender) that redeemed the offer, drawn towards its category's share,
and that towards 2 %, each as if PRIOR members had been asked before: a new offer begins where its kind stands. A share
of the audience gets any fitting offer by chance, so that a good one is found though it began badly.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from core.lib import astana

INTEREST_WEIGHT = 1.0
TOWN_WEIGHT = 0.3
PRIOR = 50
FIRST_RATE = 0.02

# A letter for the age (under 25, 35, 50, older, not told), one for the gender.
SEGMENTS = tuple(age + gender for age in "abcdx" for gender in "fmx")
# The place of a member's segment among them, from 1, over s (enrollment_subscriber); parameters: `ages`.
SEGMENT = """
(1 + 3 * CASE WHEN s.birth_date IS NULL THEN 4 WHEN s.birth_date > %(under_25)s THEN 0
              WHEN s.birth_date > %(under_35)s THEN 1 WHEN s.birth_date > %(under_50)s THEN 2 ELSE 3 END
   + CASE s.gender WHEN 'f' THEN 0 WHEN 'm' THEN 1 ELSE 2 END)
"""


def ages(now: datetime) -> dict[str, date]:
    """The days after which the members of each age were born; the day is Astana's."""
    return {f"under_{age}": astana.years_before(astana.day_of(now), age) for age in (25, 35, 50)}


@dataclass(frozen=True, slots=True)
class Rate:
    """How likely a segment takes an offer."""

    offer: int
    segment: str
    rate: float


_TAKEN = f"""
SELECT p.offer_id, o.category_id, {SEGMENT} AS segment, count(*),
       count(*) FILTER (WHERE EXISTS (
           SELECT FROM campaigns_redemption r WHERE r.subscriber_id = p.subscriber_id AND r.offer_id = p.offer_id))
FROM campaigns_placement p
JOIN campaigns_offer o ON o.id = p.offer_id JOIN enrollment_subscriber s ON s.id = p.subscriber_id
WHERE p.placed_at > %(now)s::timestamptz - interval '90 days'
  AND o.category_id IN (SELECT category_id FROM campaigns_offer WHERE id = ANY(%(offers)s))
GROUP BY 1, 2, 3
"""


def rates(*, offers: Iterable[int], now: datetime) -> list[Rate]:
    """Learn the rates of these offers, for every segment, from ninety days of placements and redemptions."""
    wanted = list(offers)
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN, {"now": now, "offers": wanted, **ages(now)})
        told = cursor.fetchall()
        cursor.execute("SELECT id, category_id FROM campaigns_offer WHERE id = ANY(%s)", [wanted])
        category_of = dict(cursor.fetchall())
    of_category: dict[int, tuple[int, int]] = {}
    of_segment: dict[tuple[int, str], tuple[int, int]] = {}
    for offer, category, segment, shown, taken in told:
        seen, took = of_category.get(category, (0, 0))
        of_category[category] = (seen + shown, took + taken)
        of_segment[offer, SEGMENTS[segment - 1]] = (shown, taken)
    found = []
    for offer in wanted:
        base = drawn(*of_category.get(category_of[offer], (0, 0)), towards=FIRST_RATE)
        found += [
            Rate(offer, segment, drawn(*of_segment.get((offer, segment), (0, 0)), towards=base)) for segment in SEGMENTS
        ]
    return found


def drawn(shown: int, taken: int, *, towards: float) -> float:
    """A share, as if PRIOR members had been asked before and taken it at the rate it is drawn towards."""
    return (taken + PRIOR * towards) / (shown + PRIOR)
