"""A shop takes a code: once or as often as the offer says, within its validity, and never learning whose it is (M6).

What was promised to a member stands: a code that was given redeems to the offer's last day, though the offer was ended,
or edited and waits for approval. A code for all redeems once its offer was ever approved.
"""

import re
from datetime import datetime
from itertools import product
from math import ceil

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from campaigns.codes import pool as codes
from campaigns.codes import throttle
from campaigns.models import Offer, OfferEvent, Partner, PromoCode, Redemption
from core.access import audit
from core.lib import astana
from core.lib.errors import Refusal

_MOST_TYPED = 60
_MOST_SPELLINGS = 32
_GAPS = re.compile(r"[\s\-‐‑‒–—_.·]+")
# A till's keyboard may be Cyrillic: letters that look alike are meant alike.
_LATIN = str.maketrans("АВЕЁКМНОРСТУХІҮЅЈԚԜҺ", "ABEEKMHOPCTYXIYSJQWH")
_ALIKE = {"0": "0O", "O": "O0", "1": "1IL", "I": "I1L", "L": "L1I"}


class UnknownCode(Refusal):
    """No code that this partner can redeem: mistyped, invented, nobody's yet or another partner's are one answer."""

    code = "unknown_code"
    sentence = _("This code is not known. Check it and type it again.")


class CodeUsed(Refusal):
    """It was redeemed as often as the offer says."""

    code = "code_used"
    sentence = _("This code has been used.")


class CodeExpired(Refusal):
    """The offer's last day is over."""

    code = "code_expired"
    sentence = _("This code has expired: it was valid until %(day)s.")


class CodeNotYet(Refusal):
    """The offer's first day has not come."""

    code = "code_not_yet"
    sentence = _("This code is not valid yet: it is from %(day)s.")


class ReceiptReused(Refusal):
    """The shop's reference redeemed another code before."""

    code = "receipt_reused"
    sentence = _("This receipt redeemed another code before.")


class TooManyGuesses(Refusal):
    """Too many codes were wrong; none is looked at for a while, right or wrong."""

    code = "too_many_guesses"
    sentence = _("Too many wrong codes. Try again in %(minutes)s min.")
    status = 429


def redeem(*, partner: Partner, code: str, by: str, now: datetime, receipt: str = "") -> Redemption:
    """Redeem a code as it was typed; the same receipt with the same code answers the same and redeems once.

    Case, gaps, Cyrillic look-alikes, 0 for O and 1 for I or L are forgiven. Its own row says who and when, so there is
    none in the audit trail. A partner's redemptions stand in line, so that all counts are exact.

    Raises UnknownCode, CodeUsed, CodeExpired, CodeNotYet, ReceiptReused or TooManyGuesses. Wrong codes stay counted, so
    it is never part of another transaction.
    """
    with transaction.atomic(durable=True):
        outcome = _redeem_or_refuse(partner, _plain(code), by, now, receipt)
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


def _redeem_or_refuse(partner: Partner, typed: str, by: str, now: datetime, receipt: str) -> Redemption | Refusal:
    Partner.objects.select_for_update(no_key=True).only("pk").get(pk=partner.pk)
    wait = throttle.debts(partner_id=partner.pk, caller=by, now=now).wait
    if wait:
        return TooManyGuesses(minutes=ceil(wait.total_seconds() / 60), seconds=ceil(wait.total_seconds()))
    try:
        with transaction.atomic():
            return _redeem(partner, typed, by, now, receipt)
    except UnknownCode as refusal:
        _count(partner, typed, by, now)
        return refusal
    except Refusal as refusal:
        return refusal


def _redeem(partner: Partner, typed: str, by: str, now: datetime, receipt: str) -> Redemption:
    if not codes.is_possible(typed):
        raise UnknownCode
    if receipt and (before := _with_receipt(partner, receipt)):
        return _again(before, typed)
    given = _given(partner, typed)
    offer = given.offer if given else _shared(partner, typed, now)
    _require_valid(offer, now)
    if given and not PromoCode.objects.filter(pk=given.pk, used__lt=offer.uses).update(used=F("used") + 1):
        raise CodeUsed
    return Redemption.objects.create(
        partner=partner,
        offer=offer,
        code=given,
        campaign_id=given.campaign_id if given else None,
        subscriber_id=given.subscriber_id if given else None,
        at=now,
        by=by,
        receipt=receipt,
    )


def _with_receipt(partner: Partner, receipt: str) -> Redemption | None:
    known = Redemption.objects.select_related("offer", "code")
    return known.filter(partner=partner, receipt=receipt).first()


def _again(before: Redemption, typed: str) -> Redemption:
    """The same question gets the same answer. Raises ReceiptReused for another."""
    meant = before.code.code if before.code else before.offer.shared_code
    if meant not in _spellings(typed):
        raise ReceiptReused
    return before


def _given(partner: Partner, typed: str) -> PromoCode | None:
    """The member's code that is meant; one that nobody holds is none. Two that look alike are told apart exactly."""
    pool = PromoCode.objects.select_related("offer").filter(partner=partner, given_at__isnull=False)
    found = {code.code: code for code in pool.filter(code__in=_spellings(typed))}
    if typed in found:
        return found[typed]
    return next(iter(found.values())) if len(found) == 1 else None


def _shared(partner: Partner, typed: str, now: datetime) -> Offer:
    """The offer of a code for all: the one that is valid, else the latest. Raises UnknownCode."""
    approved = OfferEvent.objects.filter(after=Offer.State.APPROVED).values("offer")
    candidates = Offer.objects.filter(
        partner=partner, codes=Offer.Codes.SHARED, shared_code__in=_spellings(typed), pk__in=approved
    )
    today = astana.day_of(now)

    def nearness(offer: Offer) -> tuple[bool, bool, int]:
        return offer.valid_from <= today <= offer.valid_to, offer.shared_code == typed, offer.pk

    if not (known := list(candidates)):
        raise UnknownCode
    return max(known, key=nearness)


def _require_valid(offer: Offer, now: datetime) -> None:
    today = astana.day_of(now)
    if today > offer.valid_to:
        raise CodeExpired(day=offer.valid_to.strftime("%d.%m.%Y"))
    if today < offer.valid_from:
        raise CodeNotYet(day=offer.valid_from.strftime("%d.%m.%Y"))


def _count(partner: Partner, typed: str, by: str, now: datetime) -> None:
    """Count a wrong code; the one that fills the measure is audited."""
    is_slip = not codes.is_possible(typed) or (codes.is_formed(typed) and not codes.is_ours(typed))
    if throttle.add(partner_id=partner.pk, caller=by, is_slip=is_slip, now=now).wait:
        audit.record(by=by, action="guess_codes", subject=f"partner:{partner.pk}", now=now)


def _plain(code: str) -> str:
    """What was typed, in capital Latin letters and digits without gaps."""
    return _GAPS.sub("", code[:_MOST_TYPED]).upper().translate(_LATIN)


def _spellings(typed: str) -> set[str]:
    """The codes that look like it; only itself where that would be a search of its own."""
    choices = [_ALIKE.get(character, character) for character in typed]
    count = 1
    for choice in choices:
        count *= len(choice)
    return {typed} if count > _MOST_SPELLINGS else {"".join(one) for one in product(*choices)}
