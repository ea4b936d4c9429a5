"""Each invariant catches the violation planted for it; a healthy life violates none."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from bonuses import lifecycle as bonuses
from bonuses.models import BonusTerms, Grant
from enrollment.models import Channel, Subscriber
from messaging import outbox
from messaging.models import Attempt, Message, MessageClass
from smart import programme
from smart.backoffice import invariants
from tests.bonuses.conftest import Member, enroll, violated
from tests.bonuses.test_debits import ask
from tests.surveys.conftest import answered_survey

pytestmark = pytest.mark.django_db
HOME = "40102"

TWICE = (
    "INSERT INTO messaging_attempt SELECT nextval('messaging_attempt_id_seq'), month, number, fence - 1, transport,"
    " gated_at, valid_until, 'accepted', '', '', NULL, message_id FROM messaging_attempt WHERE message_id = {m}"
    " AND fence = (SELECT fence FROM messaging_message WHERE id = {m})"
)
# What is planted, given an active grant {g}, a waiting one {w}, an offer {m} the network took, its subscriber {s}.
PLANTED = {
    "units_balance": "UPDATE bonuses_ledgerentry SET units = units + 1 WHERE grant_id = {g} AND kind = 'issue'",
    "remaining_equals_history": "UPDATE bonuses_grant SET remaining = remaining - 1 WHERE id = {g}",
    "entries_have_their_grant": "INSERT INTO bonuses_ledgerentry (month, grant_id, subscriber_id, kind, units, at, key,"
    " reason) VALUES ('2026-11-01', 987654, {s}, 'issue', 1, '2026-11-23', 'issue', '')",
    "grants_have_their_subscriber": "UPDATE bonuses_grant SET terms_id = 987654 WHERE id = {g}",
    "one_activation_a_month": "INSERT INTO bonuses_grant SELECT nextval('bonuses_grant_id_seq'), '2026-10-01', kind,"
    " source, units, remaining, state, issued_at, activate_by, activated_at, expires_at, closed_at, subscriber_id,"
    " terms_id FROM bonuses_grant WHERE id = {g}",
    "one_bonus_a_month": "INSERT INTO bonuses_grant SELECT nextval('bonuses_grant_id_seq'), month, kind, 'again',"
    " units, remaining, state, issued_at, activate_by, activated_at, expires_at, closed_at, subscriber_id, terms_id"
    " FROM bonuses_grant WHERE id = {g}",
    "one_waits": "INSERT INTO bonuses_grant SELECT nextval('bonuses_grant_id_seq'), '2026-10-01', kind, source, units,"
    " remaining, state, issued_at, activate_by, activated_at, expires_at, closed_at, subscriber_id, terms_id"
    " FROM bonuses_grant WHERE id = {w}",
    "debits_within_validity": "UPDATE bonuses_ledgerentry SET at = '2027-01-01'"
    " WHERE grant_id = {g} AND kind = 'debit'",
    "nothing_open_after_lapse": "UPDATE bonuses_grant SET expires_at = activated_at + interval '1 minute'"
    " WHERE id = {g}",
    "nothing_open_after_leaving": "UPDATE enrollment_membership SET left_at = '2026-11-30', left_by = 'x',"
    " left_reason = 'opt_out', consents = 0 WHERE subscriber_id = {s}",
    "debits_equal_ledger": "UPDATE bonuses_debit SET units_granted = units_granted + 1, units_asked = 500",
    "requests_once": "INSERT INTO bonuses_debit SELECT nextval('bonuses_debit_id_seq'), '2026-10-01', request_id,"
    " body_digest, service, destination, visited_plmn, event_at, decided_at, units_asked, units_granted, refusal,"
    " status, answer, client_id, subscriber_id FROM bonuses_debit",
    "consents_equal_history": "UPDATE enrollment_membership SET consents = 7 WHERE subscriber_id = {s}",
    "consents_show_their_text": "UPDATE enrollment_consentevent SET digest = repeat('0', 64)",
    "attempts_have_their_message": "UPDATE messaging_attempt SET message_id = 987654 WHERE message_id = {m}",
    "handed_over_after_the_gate": "DELETE FROM messaging_attempt WHERE message_id = {m}",
    "offers_at_most_once": TWICE,
    "service_at_most_twice": "UPDATE messaging_message SET message_class = 'service', purpose = '', origin = 'bonus'"
    " WHERE id = {m};" + TWICE + ";" + TWICE.replace("fence - 1", "fence - 2"),
    "attempts_inside_the_window": "UPDATE messaging_attempt SET valid_until = valid_until + interval '1 second'"
    " WHERE message_id = {m}",
    "attempts_under_consent": "UPDATE enrollment_membership SET left_at = '2025-11-23', left_by = 'x',"
    " left_reason = 'opt_out', consents = 0, joined_at = '2024-11-23' WHERE subscriber_id = {s}",
    "ten_offers_a_month": "INSERT INTO messaging_attempt SELECT nextval('messaging_attempt_id_seq'), month, number,"
    " fence - n, transport, gated_at, valid_until, '', '', '', NULL, message_id FROM messaging_attempt,"
    " generate_series(1, 10) n WHERE message_id = {m}",
    "nothing_waits_for_who_left": "UPDATE messaging_message SET state = 'waiting', why = '', submitted_at = NULL,"
    " valid_until = NULL, created_at = '2026-01-01', subscriber_id = 987654 WHERE id = {m}",
    "nothing_is_claimed_for_long": "UPDATE messaging_message SET state = 'claimed', lease_until = '2026-01-01'"
    " WHERE id = {m}",
    "codes_equal_redemptions": "INSERT INTO campaigns_promocode (partner_id, offer_id, code, used)"
    " VALUES (1, 1, 'B2345678', 1)",
    "answers_follow_the_path": "DELETE FROM surveys_answer",
    "rewards_once": 'UPDATE surveys_response SET "grant" = NULL, units = 0',
    "quotas_equal_responses": "INSERT INTO surveys_quota (survey_id, gender, wanted, taken)"
    " SELECT id, '', 9, 1 FROM surveys_survey",
    "members_hold_their_line": "UPDATE enrollment_subscriber SET brand = 'kcell' WHERE id = {s}",
}


@pytest.fixture
def unguarded() -> Iterator[Callable[[str], None]]:
    """Run SQL past the triggers and the month's CHECK, as only a superuser of the database could."""

    def run(sql: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("ALTER TABLE bonuses_grant DROP CONSTRAINT grant_activated_in_its_month")
            cursor.execute(sql)

    yield run
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


@pytest.fixture
def life(make_member: Member, now: datetime) -> dict[str, Any]:
    """One member with an active, debited bonus, one with a waiting one."""
    active, waiting = make_member(), make_member()
    bonuses.activate(subscriber=active, visited_plmn=HOME, now=now)
    assert ask(active, now=now, units=20).status == 201
    answered_survey(waiting, now)
    grants = {
        "g": Grant.objects.get(subscriber=active).pk,
        "w": Grant.objects.get(subscriber=waiting, kind="monthly").pk,
    }
    return {**grants, "s": active.pk, "m": sent(active, now)}


def sent(member: Subscriber, now: datetime) -> int:
    """An offer that the network took a moment ago."""
    stream = outbox.stream_for(code="offers", message_class=MessageClass.OFFER)
    outbox.put(stream=stream, subscribers=[member.pk], channel=Channel.SMS, texts_by_language={"ru": "Чай"},
               origin="offer", not_before=now, not_after=now + timedelta(days=1), now=now)  # fmt: skip
    message = Message.objects.get(origin="offer")
    Message.objects.update(state="claimed", fence=9, lease_until=now)
    Message.objects.exclude(pk=message.pk).update(state="waiting", lease_until=None)
    closes = now + timedelta(hours=9)  # 21:00
    Attempt.objects.create(month=message.month, message=message, number=1, fence=9, transport="x", gated_at=now,
                           valid_until=closes, outcome="accepted")  # fmt: skip
    Message.objects.filter(pk=message.pk).update(
        state="submitted", lease_until=None, submitted_at=now, valid_until=closes, attempts=1
    )
    return message.pk


def test_every_invariant_has_its_planted_violation() -> None:
    assert {invariant.name for invariant in invariants.read()} == set(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_it_catches(name: str, life: dict[str, Any], unguarded: Callable[[str], None], now: datetime) -> None:
    later = now + timedelta(days=2)
    before = violated(later)

    unguarded(PLANTED[name].format(**life))

    assert before == set()
    assert name in violated(later)


def test_a_healthy_life_violates_none(make_member: Member, now: datetime) -> None:
    anna, boris, clara = make_member(), make_member(), make_member()
    for subscriber in (anna, boris):
        bonuses.activate(subscriber=subscriber, visited_plmn=HOME, now=now)
    ask(anna, now=now, units=499)
    ask(anna, now=now, units=2)
    bonuses.reward(subscriber=anna, source="by hand", now=now)
    programme.opt_out(subscriber=boris, by="test", now=now)
    enroll(boris, now)
    Subscriber.objects.filter(pk=clara.pk).update(brand="kcell", changed_at=now)
    programme.end_lost_memberships(now=now, by="test")

    for hours in (0, 24, 167, 168, 169, 24 * 9, 24 * 40):
        at = now + timedelta(hours=hours)
        bonuses.expire(now=at)
        bonuses.issue_month(now=at)
        assert violated(at) == set()
    assert Grant.objects.filter(subscriber=boris, month="2026-11-01").count() == 1


def test_verify_tells_and_fails(
    life: dict[str, Any], unguarded: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("verify")
    assert "Every invariant holds." in capsys.readouterr().out

    unguarded(PLANTED["remaining_equals_history"].format(**life))
    with pytest.raises(SystemExit):
        call_command("verify")

    assert "remaining_equals_history" in capsys.readouterr().out


def test_terms_once_used_are_frozen(life: dict[str, Any]) -> None:
    terms = BonusTerms.objects.get(kind="monthly")
    terms.units = 600

    with pytest.raises(Exception, match="bonuses were issued under these terms"):
        terms.save()
