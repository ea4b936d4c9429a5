"""Terms of a bonus: made, changed and removed by two people, whichever way (B1, B5, B6, B9, B11).

Nothing about terms only tightens: more costs the operator, less takes from members.
"""

from datetime import date, datetime
from typing import Any

from django.db import InternalError, transaction
from django.db.utils import IntegrityError
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bonuses.models import BonusTerms, Grant, Kind, PayableService, said
from core.access import audit
from core.access.change_kinds import ChangeKind, Fields
from core.lib.astana import month_of, previous_month
from core.lib.errors import Refusal
from enrollment.models import Membership

_FIGURES = ("units", "valid_hours", "activate_within_days")


class TermsBegun(Refusal):
    """Their month has begun, perhaps while the proposal waited."""

    code = "terms_begun"
    sentence = gettext_lazy("Terms can be set for months to come only.")


class TermsUsed(Refusal):
    """The database lets nobody change what grants were issued under."""

    code = "terms_used"
    sentence = gettext_lazy("Bonuses were issued under these terms: they cannot be changed.")


def subject_of(kind: str, month: date) -> str:
    """What proposals call the terms of a kind from a month on."""
    return f"{kind}:{month.isoformat()}"


def _parts(subject: str) -> tuple[Kind, date]:
    kind, _colon, month = subject.partition(":")
    return Kind(kind), date.fromisoformat(month)


def fields_of(terms: BonusTerms, services: set[tuple[str, str]]) -> Fields:
    """The terms as JSON; services with their destinations, in order, so that the same ones are the same value."""
    payable = sorted(f"{service}:{destination}" for service, destination in services)
    return {name: getattr(terms, name) for name in _FIGURES} | {"payable": payable}


def _standing(subject: str) -> Fields:
    kind, month = _parts(subject)
    terms = BonusTerms.objects.select_for_update().filter(kind=kind, effective_from=month).first()
    return fields_of(terms, set(terms.payable.values_list("service", "destination"))) if terms else {}


def _check(subject: str, wanted: Fields, now: datetime) -> None:
    kind, month = _parts(subject)
    if month <= month_of(now):
        raise TermsBegun
    if wanted:
        terms = BonusTerms(kind=kind, effective_from=month, **{name: wanted[name] for name in _FIGURES})
        terms.full_clean(validate_unique=False, exclude=["kind"])


def _forecast(subject: str, standing: Fields, wanted: Fields, now: datetime) -> Fields:
    """Units a month: at most, for the monthly bonus; for rewards, if as many are earned as last month."""
    kind, month = _parts(subject)
    if kind == Kind.MONTHLY:
        count = Membership.objects.filter(left_at=None).count()
    else:
        count = Grant.objects.filter(kind=kind, month=previous_month(month_of(now))).count()
    earlier = BonusTerms.objects.filter(kind=kind, effective_from__lt=month).order_by("-effective_from").first()
    replaced = earlier.units if earlier else 0
    units = [fields.get("units", replaced) for fields in (standing, wanted)]
    return {"kind": kind.value, "count": count, "units": units}


def _forecast_in_words(figures: Fields) -> list[str]:
    before, after = (number_format(figures["count"] * units, force_grouping=True) for units in figures["units"])
    count = number_format(figures["count"], force_grouping=True)
    if figures["kind"] == Kind.MONTHLY:
        return [
            _("Members now: %(count)s.") % {"count": count},
            _("Units issued to them each month: %(before)s → %(after)s.") % {"before": before, "after": after},
        ]
    return [
        _("Rewards earned last month: %(count)s.") % {"count": count},
        _("Units for as many each month: %(before)s → %(after)s.") % {"before": before, "after": after},
    ]


def _subject_in_words(subject: str) -> str:
    kind, month = _parts(subject)
    return _("%(kind)s from %(month)s on") % {"kind": kind.label, "month": f"{month:%d.%m.%Y}"}


def _value_in_words(name: str, value: Any) -> str:
    if name == "payable":
        return ", ".join(said(*service.split(":")).replace(" → ", ": ") for service in value) or "—"
    return str(value)


def _apply(*, subject: str, before: Fields, after: Fields, by: str, now: datetime) -> None:
    kind, month = _parts(subject)
    try:
        with transaction.atomic():
            _write(kind, month, before, after, now)
    except (IntegrityError, InternalError) as error:  # the trigger that freezes terms
        raise TermsUsed from error
    details = {"before": before, "after": after}
    audit.record(by=by, action="change_bonus_terms", subject=f"terms:{subject}", details=details, now=now)


def _write(kind: Kind, month: date, before: Fields, after: Fields, now: datetime) -> None:
    if not after:
        BonusTerms.objects.get(kind=kind, effective_from=month).delete()
        return
    figures = {name: after[name] for name in _FIGURES if name in after}
    if before:
        terms = BonusTerms.objects.get(kind=kind, effective_from=month)
        BonusTerms.objects.filter(pk=terms.pk).update(**figures)
    else:
        terms = BonusTerms.objects.create(kind=kind, effective_from=month, created_at=now, **figures)
    if "payable" in after:
        terms.payable.all().delete()
        pairs = (service.split(":") for service in after["payable"])
        PayableService.objects.bulk_create(
            [PayableService(terms=terms, service=service, destination=destination) for service, destination in pairs]
        )


CHANGE = ChangeKind(
    name=gettext_lazy("bonus terms"),
    permission="bonuses.change_bonusterms",
    page="admin:bonuses_bonusterms_changelist",
    labels={
        **{field.name: field.verbose_name for field in BonusTerms._meta.fields if field.name in _FIGURES},
        "payable": gettext_lazy("what units pay for"),
    },
    subject_in_words=_subject_in_words,
    value_in_words=_value_in_words,
    standing=_standing,
    check=_check,
    is_tightening=lambda _before, _after: False,
    forecast=_forecast,
    forecast_in_words=_forecast_in_words,
    apply=_apply,
)
