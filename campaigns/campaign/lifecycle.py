"""A campaign's life: looked at, launched, paused, resumed, cancelled; fed by a job, finished when all ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from campaigns.campaign import allocation
from campaigns.codes import pool
from campaigns.models import Campaign, Offer, Placement, Variant
from campaigns.offers import approval
from core.access import audit
from core.lib import astana
from core.lib.errors import Refusal
from enrollment import locks
from enrollment.audience.selection import Counts
from messaging import outbox, sql, window
from messaging.models import Message, MessageClass, Stream
from messaging.sending import transports

State = Campaign.State
_ACTIONS = {
    State.SCHEDULED: "schedule_campaign",
    State.RUNNING: "launch_campaign",
    State.PAUSED: "pause_campaign",
    State.FINISHED: "finish_campaign",
    State.CANCELLED: "cancel_campaign",
}
SENDABLE = (Offer.State.APPROVED, Offer.State.LIVE)


class CampaignNotReady(Refusal):
    """The campaign cannot be launched; `what` says everything that is in the way."""

    code = "campaign_not_ready"
    sentence = _("The campaign cannot be launched: %(what)s.")
    status = 422


class CampaignStateRefusal(Refusal):
    """The campaign stands where this cannot be done to it."""

    code = "campaign_wrong_state"
    sentence = _("This campaign is “%(state)s”: that cannot be done now.")


@dataclass(frozen=True, slots=True)
class CampaignForecast:
    """What a launch would do: counts, the segments to be paid for, when the last message will have left."""

    counts: Counts
    segments: int
    ends_at: datetime | None  # None: not before the campaign's end


def forecast(*, campaign: Campaign, now: datetime) -> CampaignForecast:
    """Tell what a launch would do now. Raises CampaignNotReady."""
    require_ready(campaign, now)
    counted = allocation.counts(campaign=campaign, now=now)
    said = allocation.worded(list(campaign.variants.select_related("offer__category")))
    segments = sum(number * _segments_each(said, language) for language, number in counted.split.items())
    return CampaignForecast(counted, round(segments), _last_leaves_at(campaign, counted.reachable, now))


def _segments_each(said: Sequence[allocation.Worded], language: str) -> float:
    """Segments of a message to a reader of the language: the mean of the offers, each by its variants' shares."""
    offered: dict[int, list[allocation.Worded]] = {}
    for one in said:
        if one.language == language:
            offered.setdefault(one.variant.offer_id, []).append(one)
    means = [
        sum(one.segments * one.variant.share for one in ours) / sum(one.variant.share for one in ours)
        for ours in offered.values()
    ]
    return sum(means) / len(means) if means else 0.0


def _pace(campaign: Campaign) -> float | None:
    """Messages a minute: the campaign's own pace, and no more than its first network takes; None: no limit is known."""
    known = [campaign.rate_per_minute, transports.most_a_minute(campaign.channels[0])]
    return min((pace for pace in known if pace), default=None)


def _last_leaves_at(campaign: Campaign, count: int, now: datetime) -> datetime | None:
    """Walk day by day: what the pace allows in a window, and what the budget does."""
    policy, pace = outbox.policy(), _pace(campaign)
    at, left = max(now, campaign.starts_at), count
    while at < campaign.ends_at:
        at = window.next_opening(at, policy, channel=campaign.channels[0])
        day = window.at(at, policy)
        minutes = max(0.0, (day.claims_until(campaign.channels[0]) - at).total_seconds() / 60)
        fits = left if pace is None else int(minutes * pace)
        today = min(fits, left, campaign.daily_budget or left)
        if today >= left:
            return at + (timedelta(minutes=left / pace) if pace else timedelta(0))
        left -= today
        at = astana.start_of(astana.day_of(at) + timedelta(days=1))
    return None


def require_ready(campaign: Campaign, now: datetime) -> None:
    """Raise NotReady with everything that is in the way of a launch."""
    wrong = list(_in_the_way(campaign, list(campaign.variants.select_related("offer")), now))
    if wrong:
        raise CampaignNotReady(what="; ".join(str(one) for one in wrong))


def _in_the_way(campaign: Campaign, variants: Sequence[Variant], now: datetime) -> list[object]:
    wrong: list[object] = []
    if not variants:
        wrong.append(_("it has no offer"))
    if campaign.ends_at <= now:
        wrong.append(_("its end is over"))
    for variant in variants:
        offer = variant.offer
        if offer.state not in SENDABLE:
            wrong.append(_("offer %(offer)s is “%(state)s”") % {"offer": offer, "state": offer.get_state_display()})
        if astana.start_of(offer.valid_to + timedelta(days=1)) <= campaign.starts_at:
            wrong.append(_("offer %(offer)s is over before the campaign starts") % {"offer": offer})
        if not set(offer.channels) & set(campaign.channels):
            wrong.append(_("offer %(offer)s may leave by none of the campaign's channels") % {"offer": offer})
        long = [one for one in allocation.worded([variant]) if one.segments > 6]
        if long:
            wrong.append(_("a text of %(offer)s is too long") % {"offer": offer})
    return wrong


@transaction.atomic
def launch(*, campaign: Campaign, by: str, now: datetime) -> Campaign:
    """Let it start at its hour. Raises CampaignStateRefusal or CampaignNotReady."""
    campaign = _locked(campaign, State.DRAFT)
    require_ready(campaign, now)
    campaign.stream = Stream.objects.create(
        code=f"campaign-{campaign.pk}",
        message_class=MessageClass.OFFER,
        rate_per_minute=campaign.rate_per_minute,
        is_carried=campaign.is_carried,
    )
    campaign.launched_by, campaign.launched_at = by, now
    campaign.watermark_end = (locks.last_range() + 1) * locks.RANGE
    return _move(campaign, State.SCHEDULED, by=by, now=now)


@transaction.atomic
def pause(*, campaign: Campaign, by: str, now: datetime, reason: str = "") -> Campaign:
    """Stop it; the gate lets nothing more of it through from the commit on."""
    campaign = _locked(campaign, State.RUNNING, State.SCHEDULED)
    _set_paused(campaign, is_paused=True)
    return _move(campaign, State.PAUSED, by=by, now=now, reason=reason)


@transaction.atomic
def resume(*, campaign: Campaign, by: str, now: datetime) -> Campaign:
    """Let it go on where it stood; whoever was placed is not placed again."""
    campaign = _locked(campaign, State.PAUSED)
    _set_paused(campaign, is_paused=False)
    return _move(campaign, State.RUNNING if campaign.watermark else State.SCHEDULED, by=by, now=now)


@transaction.atomic
def cancel(*, campaign: Campaign, by: str, now: datetime, reason: str = "") -> int:
    """End it now; what no sender has is cancelled. Returns how many messages."""
    campaign = _locked(campaign, State.DRAFT, State.SCHEDULED, State.RUNNING, State.PAUSED)
    campaign.finished_at = now
    _move(campaign, State.CANCELLED, by=by, now=now, reason=reason)
    return _cancel_waiting(campaign, now)


def feed(*, now: datetime) -> int:
    """Start what is due, put the next members' messages into the outbox, finish what has ended; return messages made.

    Each campaign by one worker at a time; a chunk is one transaction, so a killed worker's successor goes on from it.
    """
    made = 0
    for campaign_id in list(_under_way().order_by("pk").values_list("pk", flat=True)):
        _start(campaign_id, now)
        while built := _feed_chunk(campaign_id, now):
            made += built[0]
        _finish(campaign_id, now)
    return made


def _under_way() -> QuerySet[Campaign]:
    return Campaign.objects.filter(state__in=[State.SCHEDULED, State.RUNNING, State.PAUSED])


@transaction.atomic
def _start(campaign_id: int, now: datetime) -> None:
    campaign = _taken(campaign_id, State.SCHEDULED)
    if campaign is not None and campaign.starts_at <= now:
        approval.go_live(offers=_offers_of(campaign), by="job:feed_campaigns", now=now)
        _move(campaign, State.RUNNING, by="job:feed_campaigns", now=now)


@transaction.atomic
def _feed_chunk(campaign_id: int, now: datetime) -> tuple[int] | None:
    """Place the next range of members; None when there is nothing to do now."""
    campaign = _taken(campaign_id, State.RUNNING)
    if campaign is None or campaign.watermark >= campaign.watermark_end or now >= campaign.ends_at:
        return None
    if any(offer.state not in SENDABLE for offer in _offers_of(campaign)):
        return None  # one of them went back to approval: nothing of it before that
    room = _budget_left(campaign, now)
    if room <= 0:
        return None
    first = campaign.watermark
    after = min((first // locks.RANGE + 1) * locks.RANGE, campaign.watermark_end)
    limit = min(room, locks.RANGE)
    for offer in _offers_of(campaign):
        pool.ensure_pool(offer=offer, count=limit)
    built, campaign.watermark = allocation.place(campaign=campaign, first=first, after=after, limit=limit, now=now)
    campaign.built += built
    campaign.save(update_fields=["watermark", "built"])
    return (built,)


def _budget_left(campaign: Campaign, now: datetime) -> int:
    if campaign.daily_budget is None:
        return locks.RANGE
    today = Placement.objects.filter(
        campaign=campaign, variant__isnull=False, placed_at__gte=astana.start_of(astana.day_of(now))
    )
    return campaign.daily_budget - today.count()


@transaction.atomic
def _finish(campaign_id: int, now: datetime) -> None:
    """Finished means that every message ended."""
    campaign = _taken(campaign_id, State.RUNNING, State.PAUSED)
    if campaign is None or not (campaign.watermark >= campaign.watermark_end or now >= campaign.ends_at):
        return
    if now >= campaign.ends_at:
        _cancel_waiting(campaign, now)
    still = Message.objects.filter(
        campaign=campaign.pk, stream=campaign.stream, month__gte=sql.oldest_month(now)
    ).exclude(state__in=Message.FINAL)
    if not still.exists():
        campaign.finished_at = now
        _move(campaign, State.FINISHED, by="job:feed_campaigns", now=now)


def _offers_of(campaign: Campaign) -> list[Offer]:
    return list(Offer.objects.filter(variants__campaign=campaign).distinct().order_by("pk"))


def _cancel_waiting(campaign: Campaign, now: datetime, subscribers: list[int] | None = None) -> int:
    if campaign.stream is None:
        return 0
    return sql.cancel_campaign(campaign=campaign.pk, stream=campaign.stream.pk, now=now, subscribers=subscribers)


def _set_paused(campaign: Campaign, *, is_paused: bool) -> None:
    if campaign.stream is not None:
        campaign.stream.is_paused = is_paused
        campaign.stream.save(update_fields=["is_paused"])


def _locked(campaign: Campaign, *states: str) -> Campaign:
    """The campaign as it stands now, locked. Raises CampaignStateRefusal unless it stands in one of these."""
    current = Campaign.objects.select_for_update(of=["self"]).select_related("stream").get(pk=campaign.pk)
    if current.state not in states:
        raise CampaignStateRefusal(state=current.get_state_display())
    return current


def _taken(campaign_id: int, *states: str) -> Campaign | None:
    """The campaign, locked, if it stands in one of these and nobody else is at it."""
    return (
        Campaign.objects.select_for_update(of=["self"], skip_locked=True)
        .select_related("stream")
        .filter(pk=campaign_id, state__in=states)
        .first()
    )


def _move(campaign: Campaign, state: State, *, by: str, now: datetime, reason: str = "") -> Campaign:
    campaign.state = state
    campaign.save()
    audit.record(by=by, action=_ACTIONS[state], subject=f"campaign:{campaign.pk}", reason=reason[:300], now=now)
    return campaign
