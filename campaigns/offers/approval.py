"""An offer's life: made, changed, submitted, judged, ended; each step with who did it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign, Category, Offer, OfferEvent, Partner, Placement
from campaigns.offers import drafts
from campaigns.offers.drafts import Draft, DraftProblem
from core.access import audit
from core.lib import astana
from core.lib.errors import Refusal
from messaging import sql

State = Offer.State
_ACTIONS = {
    State.DRAFT: "draft_offer",
    State.SUBMITTED: "submit_offer",
    State.APPROVED: "approve_offer",
    State.REJECTED: "reject_offer",
    State.LIVE: "start_offer",
    State.ENDED: "end_offer",
}


class BadOffer(Refusal):
    """The draft breaks rules; `problems` says which, all of them."""

    code = "bad_offer"
    sentence = _("The offer cannot be taken: %(what)s.")
    status = 422

    def __init__(self, problems: list[DraftProblem]) -> None:
        super().__init__(what="; ".join(str(one) for one in problems))
        self.problems = problems


class OfferStateRefusal(Refusal):
    """The offer stands where this cannot be done to it."""

    code = "offer_wrong_state"
    sentence = _("This offer is “%(state)s”: that cannot be done now.")


class SamePerson(Refusal):
    """Who approves is never who submitted."""

    code = "offer_same_person"
    sentence = _("You submitted this offer: another person must decide about it.")


class NoReason(Refusal):
    """A rejection says why."""

    code = "offer_no_reason"
    sentence = _("Say why, in words for the partner.")
    status = 422


@transaction.atomic
def create(*, partner: Partner, draft: Draft, by: str, now: datetime) -> Offer:
    """Make a draft into an offer. Raises BadOffer with everything that is wrong, an identical offer included."""
    # Two identical ones at once are one and a refusal.
    Partner.objects.select_for_update(no_key=True).get(pk=partner.pk)
    _require_good(draft, partner, now)
    offer = Offer(partner=partner, created_by=by, created_at=now, changed_at=now, **_fields(draft))
    offer.save(force_insert=True)
    _note(offer, before="", by=by, now=now)
    return offer


@transaction.atomic
def edit(*, offer: Offer, draft: Draft, by: str, now: datetime) -> Offer:
    """Change what it says. What was approved, or is being sent, goes back to approval and is sent no more till then.

    Raises BadOffer, or OfferStateRefusal for one that has ended.
    """
    offer = _locked(offer, *(state for state in State if state != State.ENDED))
    if draft.digest == offer.digest:
        return offer
    _require_good(draft, offer.partner, now, but=offer.pk)
    before = State(offer.state)
    for name, value in _fields(draft).items():
        setattr(offer, name, value)
    offer.changed_at = now
    if before in (State.APPROVED, State.LIVE, State.SUBMITTED):
        offer.state, offer.submitted_by, offer.submitted_at = State.SUBMITTED, by, now
        offer.decided_by, offer.decided_at = "", None
    offer.save()
    _stop_sending(offer, now)
    _note(offer, before=before, by=by, now=now, note="edited")
    return offer


@transaction.atomic
def submit(*, offer: Offer, by: str, now: datetime) -> Offer:
    """Ask for approval. Raises OfferStateRefusal, or BadOffer when its time is over meanwhile."""
    offer = _locked(offer, State.DRAFT, State.REJECTED)
    _require_good(Draft.of(offer), offer.partner, now, but=offer.pk)
    return _move(
        offer,
        State.SUBMITTED,
        by=by,
        now=now,
        submitted_by=by,
        submitted_at=now,
        decided_by="",
        decided_at=None,
        reason="",
    )


@transaction.atomic
def withdraw(*, offer: Offer, by: str, now: datetime) -> Offer:
    """Take back what waits for approval."""
    return _move(_locked(offer, State.SUBMITTED, State.REJECTED), State.DRAFT, by=by, now=now, reason="")


@transaction.atomic
def approve(*, offer: Offer, by: str, now: datetime) -> Offer:
    """Let it be sent. Raises OfferStateRefusal, SamePerson, or BadOffer when its time is over meanwhile."""
    offer = _locked(offer, State.SUBMITTED)
    _require_another(offer, by)
    _require_good(Draft.of(offer), offer.partner, now, but=offer.pk)
    return _move(offer, State.APPROVED, by=by, now=now, decided_by=by, decided_at=now, reason="")


@transaction.atomic
def reject(*, offer: Offer, reason: str, by: str, now: datetime) -> Offer:
    """Refuse it, with the reason the partner reads. Raises OfferStateRefusal, SamePerson or NoReason."""
    offer = _locked(offer, State.SUBMITTED)
    _require_another(offer, by)
    if not reason.strip():
        raise NoReason
    return _move(
        offer, State.REJECTED, by=by, now=now, decided_by=by, decided_at=now, reason=reason.strip()[:300], note=reason
    )


@transaction.atomic
def end(*, offer: Offer, by: str, now: datetime) -> Offer:
    """End it for good; what waits of it is sent no more."""
    offer = _move(_locked(offer, State.APPROVED, State.LIVE), State.ENDED, by=by, now=now)
    _stop_sending(offer, now)
    return offer


@transaction.atomic
def end_over(*, now: datetime) -> int:
    """End the offers whose last day is over; return how many."""
    over = Offer.objects.select_for_update(skip_locked=True).filter(
        state__in=[State.APPROVED, State.LIVE], valid_to__lt=astana.day_of(now)
    )
    return len([_move(offer, State.ENDED, by="job:end_offers", now=now) for offer in over])


def go_live(*, offers: Iterable[Offer], by: str, now: datetime) -> None:
    """Approved offers of a campaign that starts are live from then on; needs the transaction under way."""
    for offer in offers:
        if offer.state == State.APPROVED:
            _move(offer, State.LIVE, by=by, now=now)


def same_as(*, partner: Partner, digest: str, but: int = 0) -> int | None:
    """The id of the partner's offer that says exactly this, unless it has ended."""
    same = Offer.objects.filter(partner=partner, digest=digest).exclude(state=State.ENDED).exclude(pk=but)
    return same.values_list("pk", flat=True).first()


def _stop_sending(offer: Offer, now: datetime) -> int:
    """Cancel what waits of it in every campaign: it says what nobody has approved, or is over; return how many."""
    cancelled = 0
    for campaign in Campaign.objects.filter(variants__offer=offer, stream__isnull=False, finished_at=None).distinct():
        placed = Placement.objects.filter(campaign=campaign, offer=offer).values_list("subscriber_id", flat=True)
        assert campaign.stream is not None
        cancelled += sql.cancel_campaign(
            campaign=campaign.pk, stream=campaign.stream.pk, now=now, subscribers=list(placed)
        )
    return cancelled


def _require_good(draft: Draft, partner: Partner, now: datetime, *, but: int = 0) -> None:
    problems = drafts.problems(draft, partner=partner, today=astana.day_of(now))
    if problems:
        raise BadOffer(problems)
    if same := same_as(partner=partner, digest=draft.digest, but=but):
        problems.append(drafts.problem("", "same_offer", offer=same))
    if draft.shared_code and (
        Offer.objects.filter(partner=partner, shared_code=draft.shared_code)
        .exclude(state=State.ENDED)
        .exclude(pk=but)
        .exists()
    ):
        problems.append(drafts.problem("shared_code", "shared_code_taken"))
    if problems:
        raise BadOffer(problems)


def _require_another(offer: Offer, by: str) -> None:
    if by == offer.submitted_by:
        raise SamePerson


def _fields(draft: Draft) -> dict[str, Any]:
    given: dict[str, Any] = {name: getattr(draft, name) for name in Draft.__slots__}
    for name in ("channels", "interests", "towns"):
        given[name] = list(given[name])
    given["category"] = Category.objects.get(code=draft.category)
    given["digest"] = draft.digest
    return given


def _locked(offer: Offer, *states: str) -> Offer:
    """The offer as it stands now, locked. Raises OfferStateRefusal unless it stands in one of these."""
    current = Offer.objects.select_for_update(of=["self"]).select_related("partner", "category").get(pk=offer.pk)
    if current.state not in states:
        raise OfferStateRefusal(state=current.get_state_display())
    return current


def _move(offer: Offer, state: State, *, by: str, now: datetime, note: str = "", **fields: Any) -> Offer:
    before = offer.state
    offer.state, offer.changed_at = state, now
    for name, value in fields.items():
        setattr(offer, name, value)
    offer.save()
    _note(offer, before=before, by=by, now=now, note=note)
    return offer


def _note(offer: Offer, *, before: str, by: str, now: datetime, note: str = "") -> None:
    OfferEvent.objects.create(offer=offer, at=now, by=by, before=before, after=offer.state, note=note[:300])
    audit.record(
        by=by,
        action=_ACTIONS[State(offer.state)] if before != offer.state else "edit_offer",
        subject=f"offer:{offer.pk}",
        reason=note[:300],
        now=now,
    )
