"""Activating the bonus, telling the balance (B2-B5, B10)."""

from datetime import datetime

from django.utils.translation import gettext as _

from bonuses import lifecycle as bonuses
from core.lib.astana import ZONE
from enrollment import joining
from smart.integrations import main_balance
from smart.ussd.visit import Act, Answer, Screen, Visit


def activate(visit: Visit) -> Answer:
    """`*555*00#`."""
    return Act(_activate)


def _activate(visit: Visit) -> Screen:
    if visit.subscriber is None:
        raise joining.NotMember
    try:
        grant = bonuses.activate(subscriber=visit.subscriber, visited_plmn=visit.visited_plmn, now=visit.now)
    except bonuses.AlreadyActivated:
        return _already(visit)
    return Screen(
        _("%(units)s units until %(lapse)s for activ/Kcell calls, SMS and Internet.")
        % {"units": grant.units, "lapse": moment(grant.expires_at)}
    )


def _already(visit: Visit) -> Screen:
    balance = bonuses.balance(subscriber=visit.subscriber, now=visit.now) if visit.subscriber else None
    if balance is None or not balance.units:
        return Screen(_("This month's bonus is used up. The next one comes on the 1st."))
    return Screen(
        _("The bonus is activated already. Left: %(units)s until %(lapse)s.")
        % {"units": balance.units, "lapse": moment(balance.lapses[0][1])}
    )


def tell_balance(visit: Visit) -> Answer:
    """`*111*3#`: the main balance and what is left of the bonus, with the instant it lapses (B10)."""
    return Screen(f"{_main_balance(visit)}\n{_bonus(visit)}")


def _main_balance(visit: Visit) -> str:
    subscriber = visit.subscriber
    amount = main_balance.main_balance(subscriber) if subscriber is not None and subscriber.ended_at is None else None
    if amount is None:
        return _("Balance: no data now")
    written = f"{amount:.2f}" if visit.language == "en" else f"{amount:.2f}".replace(".", ",")
    return _("Balance: %(amount)s KZT") % {"amount": written}


def _bonus(visit: Visit) -> str:
    if visit.subscriber is None or visit.membership is None:
        return _("You are not in SMART. To join: *555*1#")
    balance = bonuses.balance(subscriber=visit.subscriber, now=visit.now)
    lines = [
        _("Bonus: %(units)s until %(lapse)s") % {"units": units, "lapse": moment(at)} for units, at in balance.lapses
    ]
    if balance.activatable:
        lines.append(_("Bonus %(units)s: dial *555*00#") % {"units": balance.activatable})
    return "\n".join(lines) or _("Bonus: 0")


def moment(at: datetime | None) -> str:
    """An instant in Astana time, short: 30.11 18:00."""
    return at.astimezone(ZONE).strftime("%d.%m %H:%M") if at else ""
