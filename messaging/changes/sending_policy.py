"""The sending policy: a shorter window, fewer days, lower caps and the pause take one person (M1, M4, M5)."""

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

from django.forms.models import model_to_dict
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from core.access import audit
from core.access.change_kinds import ChangeKind, Fields
from enrollment.models import Membership
from messaging import outbox, sql
from messaging.models import Message, SendingPolicy

SUBJECT = "sending"
_FIELDS = {field.name: field for field in SendingPolicy._meta.fields if not field.primary_key}


def fields_of(policy: SendingPolicy) -> Fields:
    """The policy as JSON; lists in order, so that the same days are the same value."""
    found: Fields = {}
    for name, value in model_to_dict(policy, fields=list(_FIELDS)).items():
        if isinstance(value, list):
            found[name] = sorted({day.isoformat() if isinstance(day, date) else day for day in value})
        else:
            found[name] = value.isoformat() if isinstance(value, time) else value
    return found


def _policy(fields: Fields) -> SendingPolicy:
    """The policy those fields make, for its own checks and to be saved."""
    return SendingPolicy(pk=1, **{name: _FIELDS[name].to_python(value) for name, value in fields.items()})


def _standing(_subject: str) -> Fields:
    return fields_of(SendingPolicy.objects.select_for_update().get(pk=1))


def _check(_subject: str, wanted: Fields, _now: datetime) -> None:
    _policy(wanted).full_clean(validate_unique=False)


def _open_days(weekdays: list[int]) -> set[int]:
    return set(weekdays or SendingPolicy.Weekday.values)  # none named: every day


# Whether a field's change lets through nothing that did not pass before. Times compare as they are written: 10:00:00.
_TIGHTENS: dict[str, Callable[[Any, Any], bool]] = {
    "is_paused": lambda before, after: bool(after),
    "opens": lambda before, after: after >= before,
    "closes": lambda before, after: after <= before,
    "weekdays": lambda before, after: _open_days(after) <= _open_days(before),
    "holidays": lambda before, after: set(after) >= set(before),
    "offers_a_month": lambda before, after: after <= before,
    "offers_a_day": lambda before, after: after <= before,
    "surveys_a_month": lambda before, after: after <= before,
}


def is_tightening(before: Fields, after: Fields) -> bool:
    """True when every field that changes tightens; one that loosens makes the whole a loosening."""
    return all(_TIGHTENS[name](before[name], value) for name, value in after.items())


def _forecast(_subject: str, standing: Fields, wanted: Fields, now: datetime) -> Fields:
    waiting = Message.objects.filter(state=Message.State.WAITING, month__gte=sql.oldest_month(now))
    return {
        "members": Membership.objects.filter(left_at=None).count(),
        "minutes": [_minutes_a_week(fields) for fields in (standing, wanted)],
        "caps": {
            name: [standing[name], wanted[name]] for name in ("offers_a_month", "offers_a_day", "surveys_a_month")
        },
        "going_on": waiting.count() if standing["is_paused"] and not wanted["is_paused"] else None,
    }


def _minutes_a_week(fields: Fields) -> int:
    opens, closes = time.fromisoformat(fields["opens"]), time.fromisoformat(fields["closes"])
    a_day = closes.hour * 60 + closes.minute - opens.hour * 60 - opens.minute
    return a_day * len(_open_days(fields["weekdays"]))


def _forecast_in_words(figures: Fields) -> list[str]:
    def number(value: float) -> str:
        return number_format(value, force_grouping=True)

    lines = [_("Members now: %(count)s.") % {"count": number(figures["members"])}]
    if figures["going_on"] is not None:
        lines.append(_("Messages that wait and go on leaving: %(count)s.") % {"count": number(figures["going_on"])})
    before, after = (f"{minutes // 60}:{minutes % 60:02}" for minutes in figures["minutes"])
    if before != after:
        lines.append(_("Hours a week in which messages may leave: %(before)s → %(after)s.")
                     % {"before": before, "after": after})  # fmt: skip
    sentences = {
        "offers_a_month": _("Offers a month to all members, at most: %(before)s → %(after)s."),
        "offers_a_day": _("Offers a day to all members, at most: %(before)s → %(after)s."),
        "surveys_a_month": _("Survey invitations a month to all members, at most: %(before)s → %(after)s."),
    }
    for name, (old, new) in figures["caps"].items():
        if old != new:
            counts = {"before": number(figures["members"] * old), "after": number(figures["members"] * new)}
            lines.append(sentences[name] % counts)
    return lines


def _value_in_words(name: str, value: Any) -> str:
    if name == "is_paused":
        return pgettext("an answer", "yes") if value else pgettext("an answer", "no")
    if name in ("opens", "closes"):
        return str(value).removesuffix(":00")
    if name == "weekdays":
        days = dict(SendingPolicy.Weekday.choices)
        return ", ".join(str(days[day]) for day in value) or _("every day")
    if name == "holidays":
        return ", ".join(f"{date.fromisoformat(day):%d.%m.%Y}" for day in value) or "—"
    return str(value)


def _apply(*, subject: str, before: Fields, after: Fields, by: str, now: datetime) -> None:
    others = {name: value for name, value in after.items() if name != "is_paused"}
    if others:
        policy = _policy(others)
        policy.save(update_fields=list(others))
        details = {"changed": list(others), "before": before, "after": after}
        audit.record(by=by, action="change_sending_policy", subject=subject, details=details, now=now)
    if "is_paused" in after:
        switch = outbox.pause if after["is_paused"] else outbox.resume
        switch(by=by, now=now)


CHANGE = ChangeKind(
    name=gettext_lazy("sending policy"),
    permission="messaging.change_sendingpolicy",
    page="admin:messaging_sendingpolicy_changelist",
    labels={name: field.verbose_name for name, field in _FIELDS.items()},
    subject_in_words=lambda _subject: _("sending policy"),
    value_in_words=_value_in_words,
    standing=_standing,
    check=_check,
    is_tightening=is_tightening,
    forecast=_forecast,
    forecast_in_words=_forecast_in_words,
    apply=_apply,
)
