"""When messages may leave (M1): the day's window in Astana, its last moments, and the next one."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from core.lib import astana
from messaging.kinds import LEAST_VALIDITY
from messaging.models import SendingPolicy

# Counted back from closing time (21:00): the last claim at 20:55, the last hand-over at 20:59:30, a call at 20:58:30.
LAST_CLAIM = timedelta(minutes=5)
LAST_HAND_OVER = timedelta(seconds=30)
LAST_CALL = timedelta(seconds=90)
_LOOK_AHEAD_DAYS = 62


@dataclass(frozen=True, slots=True)
class Window:
    """A day's window as instants: messages leave in [opens, last hand-over), and nothing is delivered after `closes`.

    A day without one (excluded, a holiday) has opens = closes.
    """

    opens: datetime
    closes: datetime

    def claims_until(self, channel: str) -> datetime:
        """The first instant at which nothing is claimed any more; SMS needs time to be delivered in as well."""
        return min(self.closes - LAST_CLAIM, self.hands_over_until(channel))

    def hands_over_until(self, channel: str) -> datetime:
        """The first instant at which nothing is handed over any more."""
        if channel == "ivr":
            return self.closes - LAST_CALL
        return self.closes - (LEAST_VALIDITY if channel == "sms" else LAST_HAND_OVER)


def on(day: date, policy: SendingPolicy) -> Window:
    """The window of an Astana day."""
    midnight = astana.start_of(day)
    if (policy.weekdays and day.isoweekday() not in policy.weekdays) or day in policy.holidays:
        return Window(midnight, midnight)
    opens = datetime.combine(day, policy.opens, astana.ZONE).astimezone(midnight.tzinfo)
    closes = datetime.combine(day, policy.closes, astana.ZONE).astimezone(midnight.tzinfo)
    return Window(opens, closes)


def at(now: datetime, policy: SendingPolicy) -> Window:
    """The window of the Astana day that holds the instant."""
    return on(astana.day_of(now), policy)


def next_opening(now: datetime, policy: SendingPolicy, *, channel: str = "sms") -> datetime:
    """The next instant at which messages may leave: now, when the window is open."""
    day = astana.day_of(now)
    for _ahead in range(_LOOK_AHEAD_DAYS):
        window = on(day, policy)
        if now < window.hands_over_until(channel) and window.opens < window.closes:
            return max(now, window.opens)
        day += timedelta(days=1)
    return now + timedelta(days=_LOOK_AHEAD_DAYS)


def tomorrow(now: datetime, policy: SendingPolicy) -> datetime:
    """The opening of the next day that has a window."""
    return next_opening(astana.start_of(astana.day_of(now) + timedelta(days=1)), policy)
