"""Why a call was not answered, and what follows: Q.850 causes and Asterisk's dial statuses in our verdicts."""

from messaging.channels.base import Verdict

Meaning = tuple[Verdict, str, float]  # the verdict, the word for the list, seconds until the next attempt

SOON, LATER, MUCH_LATER = 60, 300, 1800

BUSY: Meaning = (Verdict.RETRY, "busy", LATER)
NO_ANSWER: Meaning = (Verdict.RETRY, "no_answer", MUCH_LATER)

# Only causes that say more than the dial status: 0, 16, 31 and 127 say nothing.
_CAUSES: dict[int, Meaning] = {
    1: (Verdict.REJECTED, "unallocated", 0),
    2: (Verdict.RETRY, "no_route", LATER),
    3: (Verdict.RETRY, "no_route", LATER),
    17: BUSY,
    18: NO_ANSWER,
    19: NO_ANSWER,
    20: (Verdict.RETRY, "absent", MUCH_LATER),  # turned off, out of reach
    21: (Verdict.REJECTED, "declined", 0),  # by its owner as a rule: who declines is not rung again
    22: (Verdict.REJECTED, "number_changed", 0),
    27: (Verdict.RETRY, "out_of_order", MUCH_LATER),
    28: (Verdict.REJECTED, "invalid_number", 0),
    29: (Verdict.REJECTED, "facility_rejected", 0),
    34: (Verdict.RETRY, "congestion", SOON),
    38: (Verdict.RETRY, "network_out_of_order", LATER),
    41: (Verdict.RETRY, "temporary_failure", SOON),
    42: (Verdict.RETRY, "congestion", SOON),
    44: (Verdict.RETRY, "congestion", SOON),
    47: (Verdict.RETRY, "congestion", SOON),
    50: (Verdict.REJECTED, "not_subscribed", 0),
    52: (Verdict.REJECTED, "barred", 0),
    54: (Verdict.REJECTED, "barred", 0),
    55: (Verdict.REJECTED, "barred", 0),
    57: (Verdict.REJECTED, "barred", 0),
    88: (Verdict.REJECTED, "incompatible", 0),
    102: (Verdict.RETRY, "timer_expired", LATER),
}
_STATUSES: dict[str, Meaning] = {
    "BUSY": BUSY,
    "NOANSWER": NO_ANSWER,
    "CANCEL": NO_ANSWER,
    "CONGESTION": (Verdict.RETRY, "congestion", SOON),
    "CHANUNAVAIL": (Verdict.RETRY, "unavailable", LATER),
}


def is_final(dialstatus: str) -> bool:
    """True when the dialing is over, and not by an answer."""
    return dialstatus in _STATUSES


def meaning(cause: int, dialstatus: str) -> Meaning:
    """What an unanswered call came to; the cause is the more exact of the two."""
    if known := _CAUSES.get(cause) or _STATUSES.get(dialstatus):
        return known
    return NO_ANSWER if cause in (0, 16, 31, 127) else (Verdict.RETRY, f"cause_{cause}", MUCH_LATER)
