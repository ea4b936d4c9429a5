"""A campaign's next members: who gets which offer by which channel, with codes and messages, in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection

from campaigns.campaign import scoring
from campaigns.codes import pool
from campaigns.models import Campaign, Offer, Variant
from campaigns.offers import drafts
from core.lib import astana, segments
from core.lib.in_order import in_order
from enrollment.audience import definition, selection
from enrollment.audience.selection import Counts, Exclusion
from enrollment.models import Channel, Consents, Interest, Language, Purpose, Town
from messaging import outbox
from messaging.models import MessageClass

# A number in [0, 1) that is always the same for a member and a campaign, and of which nobody can foresee anything.
_DRAW = "((hashint8extended(s.id, %(seed)s + {number}) & 2147483647)::float8 / 2147483648.0)"
HOLDOUT_DRAW, CHANCE_DRAW, VARIANT_DRAW, OFFER_DRAW = (_DRAW.format(number=number) for number in range(4))

# v: a variant that may be for this member: text in his languages, his town, his age, not had before, its share's turn.
_FITS = """
v.language = s.language AND (v.towns = '{}' OR s.town_id = ANY(v.towns))
AND (v.born_by IS NULL OR s.birth_date <= v.born_by) AND (had.offers IS NULL OR v.offer_id <> ALL(had.offers))
"""
_TURN = f"{VARIANT_DRAW} >= v.low AND {VARIANT_DRAW} < v.high"
_CHANNEL = "v.channels[1 + m.consents]"  # by what a member has agreed to: the first of the campaign's that may be taken
_HAD = """
LEFT JOIN (SELECT subscriber_id, array_agg(DISTINCT offer_id) AS offers FROM campaigns_placement
           WHERE offer_id = ANY(%(offers)s) GROUP BY 1) had ON had.subscriber_id = s.id
"""
# Of the range alone, else every range would read what all the ranges before it were given; and one look-up for both.
_HAD_HERE = """
LEFT JOIN (SELECT subscriber_id, array_agg(DISTINCT offer_id) FILTER (WHERE offer_id = ANY(%(offers)s)) AS offers,
                  bool_or(campaign_id = %(campaign)s) AS is_placed
           FROM campaigns_placement
           WHERE subscriber_id >= %(first)s AND subscriber_id < %(after)s
             AND (offer_id = ANY(%(offers)s) OR campaign_id = %(campaign)s)
           GROUP BY 1) had ON had.subscriber_id = s.id
"""
_LEARNED_FRESH = timedelta(minutes=10)
_VARIANTS = """
offered AS MATERIALIZED (
    SELECT v.variant_id, v.offer_id, v.low, v.high, string_to_array(v.channels, ',') AS channels,
           v.consents, string_to_array(v.towns, ',')::bigint[] AS towns, v.born_by, v.interests, v.not_after,
           v.is_unique, v.language, v.text_language, v.text, v.encoding, v.segments,
           string_to_array(v.rates, ',')::float8[] AS rates
    FROM unnest(%(v_variant)s::bigint[], %(v_offer)s::bigint[], %(v_low)s::float8[], %(v_high)s::float8[],
                %(v_channels)s::text[], %(v_towns)s::text[], %(v_born)s::date[], %(v_interests)s::bigint[],
                %(v_until)s::timestamptz[], %(v_unique)s::bool[], %(v_language)s::text[], %(v_text_language)s::text[],
                %(v_text)s::text[], %(v_encoding)s::text[], %(v_segments)s::int[], %(v_consents)s::int[],
                %(v_rates)s::text[])
         AS v (variant_id, offer_id, low, high, channels, towns, born_by, interests, not_after, is_unique, language,
               text_language, text, encoding, segments, consents, rates)
)
"""


# How many rows a WITH query has is anybody's guess to the planner, and it guesses one: joining two of them took a
# loop over their product. What cannot be turned into a join is looked up in a hash, and takers and codes are grouped.
def _is_placed(who: str) -> str:
    return f"({who} IN (SELECT subscriber_id FROM placed)) IS TRUE"


def _placing(people: str) -> str:
    """WITH queries that place `people`, a FROM clause of members with offers `b`; `to_send` are their messages."""
    return f"""
{_VARIANTS}, best AS MATERIALIZED (
    -- Each member's offer, and whether he is held out; in order of ids, so that a limit ends where the next begins.
    SELECT s.id AS subscriber_id, {HOLDOUT_DRAW} < %(holdout)s AS is_held_out, b.*
    {people}
    ORDER BY s.id LIMIT %(limit)s
), coded AS MATERIALIZED (
    -- The n-th taker of an offer's codes gets its n-th free code.
    SELECT max(id) AS id, max(code) AS code, max(subscriber_id) AS subscriber_id FROM (
        SELECT offer_id, row_number() OVER (PARTITION BY offer_id ORDER BY subscriber_id) AS place,
               NULL::bigint AS id, NULL AS code, subscriber_id
        FROM best WHERE is_unique AND NOT is_held_out
        UNION ALL
        SELECT o.offer_id, row_number() OVER (PARTITION BY o.offer_id ORDER BY f.id), f.id, f.code, NULL
        FROM (SELECT offer_id, count(*) AS wanted FROM best WHERE is_unique AND NOT is_held_out GROUP BY 1) o
        CROSS JOIN LATERAL (SELECT id, code FROM campaigns_promocode
                            WHERE offer_id = o.offer_id AND subscriber_id IS NULL ORDER BY id LIMIT o.wanted) f
    ) taker_and_code GROUP BY offer_id, place HAVING max(id) IS NOT NULL AND max(subscriber_id) IS NOT NULL
), served AS MATERIALIZED (
    -- When codes run out nobody gets an offer without one.
    SELECT best.*, coded.code FROM best LEFT JOIN coded USING (subscriber_id)
    WHERE best.is_held_out OR NOT best.is_unique OR coded.code IS NOT NULL
), placed AS (
    -- Whoever is placed already, by a run that was killed or is under way, is left alone.
    INSERT INTO campaigns_placement (campaign_id, subscriber_id, variant_id, offer_id, placed_at, score, is_explored)
    SELECT %(campaign)s, subscriber_id, CASE WHEN NOT is_held_out THEN variant_id END,
           CASE WHEN NOT is_held_out THEN offer_id END, %(now)s, score, is_explored
    FROM served
    ON CONFLICT (campaign_id, subscriber_id) DO NOTHING RETURNING subscriber_id
), given AS (
    -- A code belongs to the member from here on.
    UPDATE campaigns_promocode c SET subscriber_id = coded.subscriber_id, campaign_id = %(campaign)s, given_at = %(now)s
    FROM coded WHERE c.id = coded.id AND {_is_placed("coded.subscriber_id")}
), to_send AS (
    -- The message of each who is not held out, with the reason for this offer as it will be explained.
    SELECT subscriber_id, channel, replace(text, '{{code}}', COALESCE(code, '')) AS text, text_language AS language,
           encoding, segments, not_after,
           concat_ws(' ', 'offer', 'offer=' || offer_id, CASE WHEN is_explored THEN 'chance' END,
               CASE WHEN shares_interest THEN 'interest' END, CASE WHEN is_in_town THEN 'town' END,
               'rate=' || round(rate::numeric, 4)) AS reason
    FROM served WHERE NOT is_held_out AND {_is_placed("subscriber_id")}
)
"""


_SCORE = f"""
(r.rate * (1 + {scoring.INTEREST_WEIGHT} * (s.interests & v.interests <> 0)::int
             + {scoring.TOWN_WEIGHT} * (v.towns <> '{{}}')::int))
"""
# Of several offers the best, or at random. Of one offer's variants a member has the turn of one: nothing to be sorted.
_CHOICE = f"""
    ORDER BY CASE WHEN {CHANCE_DRAW} < %(exploration)s
                  THEN (hashint8extended(s.id, %(seed)s + 100 + v.offer_id) & 2147483647)::float8
                  ELSE {_SCORE} END DESC, v.offer_id
    LIMIT 1
"""


def _offer_for_each(choice: str = "") -> str:
    """A join of each member with his offer: of those that fit him, the one `choice` leaves.

    The range is said of s, too: the planner does not carry it over from m, and the two are merged by it.
    """
    return f"""
JOIN LATERAL (
    SELECT v.variant_id, v.offer_id, v.is_unique, v.text_language, v.text, v.encoding, v.segments, v.not_after,
           {_CHANNEL} AS channel, s.interests & v.interests <> 0 AS shares_interest, v.towns <> '{{}}' AS is_in_town,
           r.rate, {CHANCE_DRAW} < %(exploration)s AS is_explored, {_SCORE} AS score
    FROM offered v
    CROSS JOIN LATERAL (SELECT v.rates[{scoring.SEGMENT}] AS rate OFFSET 0) r
    WHERE {_FITS} AND {_TURN} AND m.consents & v.consents <> 0 {choice}
) b ON s.id >= %(first)s AND s.id < %(after)s
"""


_BEST, _ONLY = _offer_for_each(_CHOICE), _offer_for_each("LIMIT 1")
_OFFERED_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Worded:
    """A variant as a reader of `language` gets it; `text_language` is what it is written in."""

    variant: Variant
    language: str
    text_language: str
    text: str
    encoding: str
    segments: int


def worded(variants: Sequence[Variant]) -> list[Worded]:
    """What each variant says to readers of each language; none where it says nothing they read."""
    found = []
    for variant in variants:
        offer = variant.offer
        length = pool.usual_length(offer) if offer.codes == Offer.Codes.UNIQUE else 0
        for language in Language.values:
            for code in Offer.FALLBACKS[language]:
                text = getattr(variant, f"text_{code}") or getattr(offer, f"text_{code}")
                if text:
                    text = drafts.landed(text, phone=offer.phone, url=offer.url)
                    shown = text.replace("{code}", "X" * length) if length else text
                    text = text.replace("{code}", offer.shared_code) if offer.codes == Offer.Codes.SHARED else text
                    found.append(Worded(variant, language, code, text, *segments.measure(shown)))
                    break
    return found


def place(*, campaign: Campaign, first: int, after: int, limit: int, now: datetime) -> tuple[int, int]:
    """Place members in [first, after), `limit` at most; return (messages put into the outbox, id to go on from).

    Needs a transaction; whoever was placed by this campaign before is left as he is.
    """
    variants = list(campaign.variants.select_related("offer__category"))
    exclusions = [
        outbox.over_the_cap(message_class=MessageClass.OFFER, now=now),
        _had(variants),
        Exclusion("placed", "had.is_placed", given={"campaign": campaign.pk}),  # had comes with the exclusion before
    ]
    people = selection.reachable(
        definition.parse(campaign.audience),
        purpose=Purpose.OFFERS,
        channels=[Channel(code) for code in campaign.channels],
        now=now,
        exclusions=exclusions,
        first=first,
        after=after,
        also=_BEST if len({variant.offer_id for variant in variants}) > 1 else _ONLY,
    )
    given = {**people.given, **_given(campaign, variants, now), "limit": limit}
    assert campaign.stream is not None
    built = outbox.put_chosen(
        stream=campaign.stream,
        chosen=_placing(people.sql),
        source="to_send",
        given=given,
        campaign=campaign.pk,
        origin=f"campaign:{campaign.pk}",
        not_before=max(now, campaign.starts_at),
        now=now,
    )
    return built, _next(campaign, first=first, after=after, limit=limit)


def _next(campaign: Campaign, *, first: int, after: int, limit: int) -> int:
    """Where to go on: behind the range, or behind the last one placed when the limit cut it short."""
    if limit >= after - first:
        return after
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), max(subscriber_id) FROM campaigns_placement"
            " WHERE campaign_id = %s AND subscriber_id >= %s AND subscriber_id < %s",
            [campaign.pk, first, after],
        )
        placed, last = cursor.fetchone()
    return last + 1 if placed >= limit else after


def counts(*, campaign: Campaign, now: datetime) -> Counts:
    """How many fit the campaign's audience, by language, and who is left out why: what is shown before a launch."""
    variants = list(campaign.variants.select_related("offer__category"))
    given = _given(campaign, variants, now)
    fits_any = f"SELECT FROM offered v WHERE {_FITS}"
    exclusions = [
        outbox.over_the_cap(message_class=MessageClass.OFFER, now=now),
        Exclusion("had_it", "had.offers @> %(offers)s::bigint[]", _HAD, given),
        Exclusion(
            "no_language", "s.language <> ALL(%(read)s::text[])", given={"read": sorted(set(given["v_language"]))}
        ),
        Exclusion("not_for_them", f"NOT EXISTS ({fits_any})"),
        Exclusion("holdout", f"{HOLDOUT_DRAW} < %(holdout)s"),
    ]
    with in_order():
        return selection.count(
            definition.parse(campaign.audience),
            purpose=Purpose.OFFERS,
            channels=[Channel(code) for code in campaign.channels],
            now=now,
            exclusions=exclusions,
            before=_VARIANTS,
            split="s.language",
        )


def _had(variants: Sequence[Variant]) -> Exclusion:
    """Whoever has had all of these offers; of those he had some of, the others are still for him."""
    offers = sorted({variant.offer_id for variant in variants})
    return Exclusion("had_it", "had.offers @> %(offers)s::bigint[]", _HAD_HERE, {"offers": offers})


def _given(campaign: Campaign, variants: Sequence[Variant], now: datetime) -> dict[str, Any]:
    said = worded(variants)[:_OFFERED_LIMIT]
    shares = _shares(variants)
    towns = dict(Town.objects.values_list("code", "id"))
    bits = dict(Interest.objects.values_list("code", "bit"))
    offers = sorted({variant.offer_id for variant in variants})
    learned = _learned(offers, now)
    channels = [Channel(code) for code in campaign.channels]
    today = astana.day_of(now)
    given: dict[str, Any] = {
        "seed": campaign.pk * 1_000_003,
        "holdout": campaign.holdout / 100,
        "exploration": campaign.exploration / 100,
        "offers": offers,
        **scoring.ages(now),
    }
    columns: dict[str, list[Any]] = {
        "variant": [one.variant.pk for one in said],
        "offer": [one.variant.offer_id for one in said],
        "low": [shares[one.variant.pk][0] for one in said],
        "high": [shares[one.variant.pk][1] for one in said],
        "channels": [",".join(_channel_by_consents(channels, one.variant.offer)) for one in said],
        "towns": [",".join(str(towns[code]) for code in one.variant.offer.towns if code in towns) for one in said],
        "born": [_born_by(one.variant.offer, today) for one in said],
        "interests": [sum(1 << bits[code] for code in _interests(one.variant.offer) if code in bits) for one in said],
        "until": [_until(campaign, one.variant.offer) for one in said],
        "unique": [one.variant.offer.codes == Offer.Codes.UNIQUE for one in said],
        "language": [one.language for one in said],
        "text_language": [one.text_language for one in said],
        "text": [one.text for one in said],
        "encoding": [one.encoding for one in said],
        "segments": [one.segments for one in said],
        "consents": [
            selection.mask(Purpose.OFFERS, [one for one in channels if one in offer.channels])
            for offer in (one.variant.offer for one in said)
        ],
        "rates": [
            ",".join(repr(learned[one.variant.offer_id, segment]) for segment in scoring.SEGMENTS) for one in said
        ],
    }
    return given | {f"v_{name}": values for name, values in columns.items()}


def _learned(offers: Sequence[int], now: datetime) -> dict[tuple[int, str], float]:
    """Each segment's rate of each offer; learned from ninety days of everybody, so not for every range anew."""
    turn = int(now.timestamp() // _LEARNED_FRESH.total_seconds())
    key = f"rates:{turn}:{','.join(map(str, offers))}"
    found: dict[tuple[int, str], float] | None = cache.get(key)
    if found is None:
        found = {(one.offer, one.segment): one.rate for one in scoring.rates(offers=offers, now=now)}
        cache.set(key, found, _LEARNED_FRESH.total_seconds())
    return found


def _shares(variants: Sequence[Variant]) -> dict[int, tuple[float, float]]:
    """Each variant's part of [0, 1) among those of its offer, by their shares."""
    found: dict[int, tuple[float, float]] = {}
    for offer in {variant.offer_id for variant in variants}:
        ours = sorted((v for v in variants if v.offer_id == offer), key=lambda v: v.pk)
        total, low = sum(variant.share for variant in ours), 0
        for variant in ours:
            found[variant.pk] = (low / total, (low + variant.share) / total)
            low += variant.share
    return found


def _channel_by_consents(channels: Sequence[Channel], offer: Offer) -> list[str]:
    """The channel for each set of consents a member may have: the campaign's order, as far as the offer allows."""
    bits = [(channel, selection.mask(Purpose.OFFERS, [channel])) for channel in channels if channel in offer.channels]
    return [
        next((channel.value for channel, bit in bits if consents & bit), "") for consents in range(Consents.ALL + 1)
    ]


def _interests(offer: Offer) -> list[str]:
    return offer.interests or offer.category.interests


def _born_by(offer: Offer, today: date) -> date | None:
    """The latest birthday of who is old enough; None when anybody is, also who told no birthday."""
    age = offer.effective_min_age
    return astana.years_before(today, age) if age else None


def _until(campaign: Campaign, offer: Offer) -> datetime:
    """The end of the campaign or of the offer's last day, whichever comes first."""
    return min(campaign.ends_at, astana.start_of(offer.valid_to + timedelta(days=1)))
