"""Debits: the charging system asks for units, the ledger answers, once (B5, B9, B11)."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from bonuses import sql
from bonuses.models import Debit, Grant, LedgerEntry, PayableService
from core.lib import astana, problems
from core.lib.errors import Refusal
from core.lib.msisdn import Msisdn
from enrollment.models import Subscriber

MAX_CLOCK_SKEW = timedelta(seconds=300)
MAX_EVENT_AGE = timedelta(days=62)  # older events meet no grant; partitions beyond need not be searched


class RequestIdReused(Refusal):
    """The request id was used with another body."""

    code = "request_id_reused"
    sentence = _("This request id was used with another body.")


class EventTimeImplausible(Refusal):
    """The event lies in the future or in the distant past."""

    code = "event_time_implausible"
    sentence = _("The event time is in the future or too far in the past.")
    status = 422


# Why a debit is refused; the answer's `code`, with its sentence for people.
REFUSALS = {
    "unknown_subscriber": "No activ subscriber has this number.",
    "not_payable": "Units do not pay for this service.",
    "network_unknown": "The visited network is not known, so roaming cannot be excluded.",
    "roaming": "Units do not pay in roaming.",
    "no_units": "There are no units to spend.",
    "insufficient_units": "There are fewer units than asked for, and a part was not allowed.",
}


@dataclass(frozen=True, slots=True)
class DebitRequest:
    """What the charging system asks; `units` > 0, `event_at` in UTC, `body` the request's bytes as digested."""

    request_id: str
    msisdn: Msisdn
    service: str
    destination: str
    visited_plmn: str
    units: int
    event_at: datetime
    allow_partial: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class ChargingAnswer:
    """The HTTP status and the bytes of the body."""

    status: int
    body: bytes


@transaction.atomic
def debit(*, client_id: int, request: DebitRequest, now: datetime) -> ChargingAnswer:
    """Debit units, or say why not; the same request again gets the same bytes and debits nothing more.

    Grants are spent in order of lapse, only while the event and now both lie within their validity: whether or
    not a sweep has run. Raises RequestIdReused, EventTimeImplausible.
    """
    if not now - MAX_EVENT_AGE <= request.event_at <= now + MAX_CLOCK_SKEW:
        raise EventTimeImplausible
    sql.lock_request(client_id, request.request_id)
    digest = hashlib.sha256(request.body).digest()
    before = Debit.objects.filter(client_id=client_id, request_id=request.request_id).first()
    if before is not None:
        if bytes(before.body_digest) != digest:
            raise RequestIdReused
        return ChargingAnswer(before.status, bytes(before.answer))
    return _decide(client_id, request, digest, now)


def _decide(client_id: int, request: DebitRequest, digest: bytes, now: datetime) -> ChargingAnswer:
    subscriber = Subscriber.objects.holding(request.msisdn).first()
    grants = _spendable(subscriber, request, now) if subscriber is not None else []
    refusal = _why_not(subscriber, grants, request)
    granted = 0 if refusal else min(request.units, sum(grant.remaining for grant in grants))
    left = sum(grant.remaining for grant in grants) - granted
    answer = _answer(request, granted, left, refusal)
    made = Debit.objects.create(
        month=astana.month_of(request.event_at),
        client_id=client_id,
        request_id=request.request_id,
        body_digest=digest,
        subscriber=subscriber,
        service=request.service,
        destination=request.destination,
        visited_plmn=request.visited_plmn,
        event_at=request.event_at,
        decided_at=now,
        units_asked=request.units,
        units_granted=granted,
        refusal=refusal,
        status=answer.status,
        answer=answer.body,
    )
    if granted:
        _take(grants, granted, key=f"debit:{made.pk}", now=now)
    return answer


def _spendable(subscriber: Subscriber, request: DebitRequest, now: datetime) -> list[Grant]:
    """Lock the grants that may pay for this, soonest lapse first. All are locked in order of id, like everywhere."""
    payable = PayableService.objects.filter(
        terms=OuterRef("terms"), service=request.service, destination=request.destination
    )
    latest = max(now, request.event_at)
    grants = (
        Grant.objects.select_for_update(of=("self",), no_key=True)
        .filter(
            Exists(payable),
            subscriber=subscriber,
            state=Grant.State.ACTIVE,
            activated_at__lte=min(now, request.event_at),
            expires_at__gt=latest,
            month__gte=astana.month_of(now - MAX_EVENT_AGE),
        )
        .order_by("id")
    )
    return sorted(grants, key=lambda grant: (grant.expires_at, grant.pk))


def _why_not(subscriber: Subscriber | None, grants: list[Grant], request: DebitRequest) -> str:
    if subscriber is None:
        return "unknown_subscriber"
    if not PayableService.objects.filter(service=request.service, destination=request.destination).exists():
        return "not_payable"
    if not request.visited_plmn:
        return "network_unknown"
    if request.visited_plmn not in settings.HOME_PLMNS:
        return "roaming"
    total = sum(grant.remaining for grant in grants)
    if not total:
        return "no_units"
    return "insufficient_units" if total < request.units and not request.allow_partial else ""


def _take(grants: list[Grant], units: int, *, key: str, now: datetime) -> None:
    """Take units from locked grants in the order given, each with its ledger entry."""
    for grant in grants:
        part = min(units, grant.remaining)
        if part:
            Grant.objects.filter(month=grant.month, pk=grant.pk).update(remaining=grant.remaining - part)
            LedgerEntry.objects.create(
                month=grant.month,
                grant=grant,
                subscriber_id=grant.subscriber_id,
                kind=LedgerEntry.Kind.DEBIT,
                units=part,
                at=max(now, grant.activated_at or now),
                key=key,
            )
            units -= part


def _answer(request: DebitRequest, granted: int, left: int, refusal: str) -> ChargingAnswer:
    body: dict[str, Any] = {
        "request_id": request.request_id,
        "units_asked": request.units,
        "units_granted": granted,
        "units_left": left,
    }
    if not refusal:
        return ChargingAnswer(201, _to_json(body))
    return ChargingAnswer(409, _to_json(problems.problem(409, refusal, REFUSALS[refusal], **body)))


def _to_json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
