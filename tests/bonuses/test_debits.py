"""Debits: what units pay for, in which order, how often (B5, B8, B9, B11)."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

import pytest

from bonuses import charging
from bonuses import lifecycle as bonuses
from bonuses.charging import ChargingAnswer, DebitRequest
from bonuses.models import BonusTerms, Debit, Grant, LedgerEntry, PayableService
from core.access.models import ApiClient
from core.lib import crypto
from core.lib.msisdn import Msisdn
from enrollment.models import Subscriber
from smart import programme
from tests.bonuses.conftest import Member

pytestmark = pytest.mark.django_db
HOME = "40102"


def ask(subscriber: Subscriber, *, now: datetime, **fields: Any) -> ChargingAnswer:
    """Ask for a debit as the charging system does; a call within the network at home unless told otherwise."""
    client, _made = ApiClient.objects.get_or_create(name="ocs", kind="charging", proof="signature")
    usual = {
        "request_id": token_hex(8),
        "service": "call",
        "destination": "on_net",
        "visited_plmn": HOME,
        "units": 10,
        "event_at": now,
        "allow_partial": False,
        "body": b"{}",
    }
    number = Msisdn(crypto.decrypt_msisdn(subscriber.msisdn))
    return charging.debit(client_id=client.pk, request=DebitRequest(msisdn=number, **usual | fields), now=now)


def told(answer: ChargingAnswer) -> tuple[str, int, int]:
    body = json.loads(answer.body)
    return body.get("code", ""), body["units_granted"], body["units_left"]


@pytest.fixture
def anna(make_member: Member, now: datetime) -> Subscriber:
    subscriber = make_member()
    bonuses.activate(subscriber=subscriber, visited_plmn=HOME, now=now)
    return subscriber


@pytest.mark.parametrize(
    ("service", "destination", "network", "code"),
    [
        ("call", "on_net", HOME, ""),
        ("sms", "on_net", HOME, ""),
        ("data", "internet", HOME, ""),
        ("call", "international", HOME, "not_payable"),
        ("call", "off_net", HOME, "not_payable"),
        ("sms", "international", HOME, "not_payable"),
        ("data", "on_net", HOME, "not_payable"),
        ("transfer", "on_net", HOME, "not_payable"),
        ("call", "on_net", "25001", "roaming"),
        ("data", "internet", "28601", "roaming"),
        ("call", "on_net", "40101", "roaming"),
        ("call", "on_net", "", "network_unknown"),
    ],
)
def test_units_pay_for_what_is_listed_and_at_home(
    anna: Subscriber, now: datetime, service: str, destination: str, network: str, code: str
) -> None:
    answer = ask(anna, now=now, service=service, destination=destination, visited_plmn=network)

    assert told(answer)[:2] == (code, 0 if code else 10)


def test_a_debit_takes_the_units_and_says_what_is_left(anna: Subscriber, now: datetime) -> None:
    answer = ask(anna, now=now, units=120)

    assert (answer.status, told(answer)) == (201, ("", 120, 380))
    assert Grant.objects.get().remaining == 380
    assert LedgerEntry.objects.get(kind="debit").units == 120


@pytest.mark.parametrize(("is_partial", "expected"), [(False, ("insufficient_units", 0, 500)), (True, ("", 500, 0))])
def test_more_than_there_is(anna: Subscriber, now: datetime, is_partial: bool, expected: tuple[str, int, int]) -> None:
    assert told(ask(anna, now=now, units=501, allow_partial=is_partial)) == expected


def test_all_the_units_there_are_may_be_spent(anna: Subscriber, now: datetime) -> None:
    assert told(ask(anna, now=now, units=500)) == ("", 500, 0)


@pytest.mark.parametrize(
    ("service", "destination", "granted"), [("call", "internet", 50), ("data", "internet", 500)], ids=["one", "other"]
)
def test_units_pay_for_what_their_own_terms_list(
    anna: Subscriber, now: datetime, service: str, destination: str, granted: int
) -> None:
    """B9: what only a reward's terms list, a monthly bonus does not pay for, nor the other way round."""
    terms = bonuses.terms_for(bonuses.Kind.SURVEY, now.date())
    terms.payable.filter(service="data").delete()
    PayableService.objects.create(terms=terms, service="call", destination="internet")
    bonuses.reward(subscriber=anna, source="survey:1", now=now, units=50)

    answer = ask(anna, now=now, units=550, allow_partial=True, service=service, destination=destination)

    assert told(answer) == ("", granted, 0)


def test_units_outlive_a_change_of_tariff(anna: Subscriber, now: datetime) -> None:
    """B8."""
    Subscriber.objects.filter(pk=anna.pk).update(tariff="ACT-NET-5")

    assert told(ask(anna, now=now, units=120)) == ("", 120, 380)


def test_the_grant_that_lapses_first_is_spent_first(anna: Subscriber, now: datetime) -> None:
    later = now + timedelta(days=2)
    bonuses.reward(subscriber=anna, source="survey:1", now=later, units=50)

    ask(anna, now=later, units=510)

    assert list(Grant.objects.order_by("expires_at").values_list("remaining", flat=True)) == [0, 40]
    assert LedgerEntry.objects.filter(kind="debit").count() == 2


def test_a_bonus_that_was_given_later_may_lapse_first(make_member: Member, now: datetime) -> None:
    """B11: neither the kind nor the order of ids or activations decides, but the lapse alone."""
    anna = make_member()
    bonuses.activate(subscriber=anna, visited_plmn=HOME, now=now)
    BonusTerms.objects.filter(kind="survey").update(valid_hours=24)
    reward = bonuses.reward(subscriber=anna, source="survey:1", now=now + timedelta(hours=1), units=50)

    ask(anna, now=now + timedelta(hours=2), units=40)

    reward.refresh_from_db()
    assert (reward.remaining, Grant.objects.get(kind="monthly").remaining) == (10, 500)


@pytest.mark.parametrize("is_swept", [False, True], ids=["unswept", "swept"])
@pytest.mark.parametrize(
    ("after", "code"),
    [(timedelta(hours=168) - timedelta(milliseconds=1), ""), (timedelta(hours=168), "no_units")],
    ids=["last millisecond", "168th hour"],
)
def test_a_debit_is_refused_from_the_lapse_on(
    anna: Subscriber, now: datetime, after: timedelta, code: str, is_swept: bool
) -> None:
    if is_swept:
        bonuses.expire(now=now + after)

    assert told(ask(anna, now=now + after))[0] == code


@pytest.mark.parametrize(
    ("event", "clock", "code"),
    [(-1, 0, "no_units"), (0, 0, ""), (167 * 3600, 168 * 3600, "no_units"), (168 * 3600, 168 * 3600 - 60, "no_units")],
    ids=["before activation", "at activation", "asked too late", "event after the lapse"],
)
def test_event_and_clock_both_lie_in_the_validity(
    anna: Subscriber, now: datetime, event: int, clock: int, code: str
) -> None:
    answer = ask(anna, now=now + timedelta(seconds=clock), event_at=now + timedelta(seconds=event))

    assert told(answer)[0] == code


@pytest.mark.parametrize("seconds", [301, -63 * 86400])
def test_an_implausible_event_time_is_refused(anna: Subscriber, now: datetime, seconds: int) -> None:
    with pytest.raises(charging.EventTimeImplausible):
        ask(anna, now=now, event_at=now + timedelta(seconds=seconds))

    assert not Debit.objects.exists()


def test_the_same_request_gets_the_same_bytes_and_debits_once(anna: Subscriber, now: datetime) -> None:
    first = ask(anna, now=now, request_id="r1", units=10)
    again = ask(anna, now=now + timedelta(days=30), request_id="r1", units=10, event_at=now)

    assert again == first
    assert Grant.objects.get().remaining == 490


def test_a_refusal_is_repeated_too(anna: Subscriber, now: datetime) -> None:
    first = ask(anna, now=now, request_id="r1", units=501)
    bonuses.reward(subscriber=anna, source="survey:1", now=now)

    assert ask(anna, now=now, request_id="r1", units=501) == first


def test_the_same_request_id_with_another_body_is_refused(anna: Subscriber, now: datetime) -> None:
    ask(anna, now=now, request_id="r1")

    with pytest.raises(charging.RequestIdReused):
        ask(anna, now=now, request_id="r1", body=b'{"units": 2}', event_at=now - timedelta(days=31))

    assert Grant.objects.get().remaining == 490


@pytest.mark.parametrize("state", ["waiting", "left", "stranger"])
def test_who_has_no_active_units_is_told_so(
    make_member: Member, make_subscriber: Callable[..., Subscriber], now: datetime, state: str
) -> None:
    subscriber = make_subscriber() if state == "stranger" else make_member()
    if state == "left":
        bonuses.activate(subscriber=subscriber, visited_plmn=HOME, now=now)
        programme.opt_out(subscriber=subscriber, by="test", now=now)

    assert told(ask(subscriber, now=now)) == ("no_units", 0, 0)
