"""Wrong codes cost time: who types many waits, and so does a whole partner whose tills do.

A debt of seconds, for each caller and for the partner as a whole, that time pays off by itself. While it leaves no room
for another guess every code is refused, right ones too: else the refusal would tell which is right.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

WINDOW = timedelta(minutes=10)
GUESSES = 10  # of one caller at once; then one a minute
GUESSES_OF_ALL = 100  # of a partner's callers together
SLIPS_A_GUESS = 5  # what cannot be a code, or has a wrong check character, costs a fifth

_READ = "SELECT caller, paid_until FROM campaigns_guess WHERE partner_id = %s AND caller = ANY(%s::text[])"
_ADD = """
INSERT INTO campaigns_guess AS g (partner_id, caller, paid_until)
VALUES (%(partner)s, '', %(now)s + %(all)s), (%(partner)s, %(caller)s, %(now)s + %(one)s)
ON CONFLICT (partner_id, caller)
DO UPDATE SET paid_until = greatest(g.paid_until, %(now)s) + (EXCLUDED.paid_until - %(now)s)
RETURNING caller, paid_until
"""


@dataclass(frozen=True, slots=True)
class Debts:
    """How long a caller, and the whole partner, have yet to pay."""

    caller: timedelta
    everyone: timedelta

    @property
    def wait(self) -> timedelta:
        """How long until there is room for another guess; zero when there is."""
        return max(
            self.caller - WINDOW + WINDOW / GUESSES, self.everyone - WINDOW + WINDOW / GUESSES_OF_ALL, timedelta()
        )


def debts(*, partner_id: int, caller: str, now: datetime) -> Debts:
    """Read them; the partner's lock is held."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, [partner_id, ["", caller]])
        return _debts(cursor.fetchall(), caller, now)


def add(*, partner_id: int, caller: str, is_slip: bool, now: datetime) -> Debts:
    """Count a wrong code; return the debts with it."""
    share = SLIPS_A_GUESS if is_slip else 1
    costs = {"one": WINDOW / GUESSES / share, "all": WINDOW / GUESSES_OF_ALL / share}
    parameters: dict[str, Any] = {"partner": partner_id, "caller": caller, "now": now, **costs}
    with connection.cursor() as cursor:
        cursor.execute(_ADD, parameters)
        return _debts(cursor.fetchall(), caller, now)


def _debts(rows: list[tuple[str, datetime]], caller: str, now: datetime) -> Debts:
    until = dict(rows)
    owed = {name: max(until.get(name, now) - now, timedelta()) for name in (caller, "")}
    return Debts(owed[caller], owed[""])
