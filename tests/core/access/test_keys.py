"""Keys: two live ones, secrets that no table holds, and an audit row for each change (ADR 0008)."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from core.access import keys
from core.access.models import ApiClient, ApiKey, AuditEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def gateway() -> ApiClient:
    return ApiClient.objects.create(name="gateway", kind="ussd", proof="signature")


@pytest.fixture
def derived_anew(settings: Any) -> Iterator[Any]:
    """The settings, with no secret remembered."""
    keys.secret_of.cache_clear()
    yield settings
    keys.secret_of.cache_clear()


def test_a_client_and_its_key_are_dated_by_the_programmes_clock(
    now: datetime, stand_at: Callable[[datetime], None]
) -> None:
    stand_at(now)

    client = ApiClient.objects.create(name="gateway", kind="ussd", proof="signature")
    key, _secret = keys.issue(client=client, by="staff:anna", now=now + timedelta(days=1))

    assert (client.created_at, key.created_at) == (now, now + timedelta(days=1))


def test_an_issued_key_is_audited_without_its_secret(gateway: ApiClient, now: datetime) -> None:
    key, secret = keys.issue(client=gateway, by="staff:anna", now=now)

    event = AuditEvent.objects.get()
    assert (event.by, event.action, event.subject, event.at) == ("staff:anna", "issue_key", "client:gateway", now)
    assert event.details == {"key_id": key.key_id}
    assert secret not in str(AuditEvent.objects.values())


def test_the_table_holds_the_secrets_digest_alone(gateway: ApiClient, now: datetime) -> None:
    key, secret = keys.issue(client=gateway, by="test", now=now)

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(k)::text FROM access_apikey k")
        (row,) = cursor.fetchone()

    assert secret not in row
    assert bytes(ApiKey.objects.get().digest) == hashlib.sha256(secret.encode()).digest()
    assert keys.secret_of(key.key_id) == secret
    assert len(secret) == 43


def test_each_keys_secret_is_its_own(gateway: ApiClient, now: datetime) -> None:
    (first, first_secret), (second, second_secret) = (keys.issue(client=gateway, by="test", now=now) for _ in range(2))

    assert first.key_id != second.key_id
    assert first_secret != second_secret
    assert {first.slot, second.slot} == {1, 2}


def test_a_secret_cannot_be_derived_without_the_master_key(derived_anew: Any) -> None:
    before = keys.secret_of("0123456789abcdef")

    derived_anew.API_MASTER_KEY = "another"
    keys.secret_of.cache_clear()

    assert keys.secret_of("0123456789abcdef") != before


@pytest.mark.parametrize("slot", [1, 2])
def test_a_revoked_keys_slot_is_free_for_the_next(gateway: ApiClient, now: datetime, slot: int) -> None:
    live = {key.slot: key for key, _secret in (keys.issue(client=gateway, by="test", now=now) for _ in range(2))}

    keys.revoke(key=live[slot], by="test", now=now)
    renewed, _secret = keys.issue(client=gateway, by="test", now=now)

    assert renewed.slot == slot
    assert ApiKey.objects.filter(revoked_at=None).count() == 2


def test_another_clients_keys_take_no_slot(gateway: ApiClient, now: datetime) -> None:
    other = ApiClient.objects.create(name="other", kind="ussd", proof="key")
    for client in (gateway, gateway, other, other):
        keys.issue(client=client, by="test", now=now)

    with pytest.raises(keys.NoFreeSlot):
        keys.issue(client=other, by="test", now=now)

    assert ApiKey.objects.count() == 4


def test_a_key_is_revoked_once(gateway: ApiClient, now: datetime) -> None:
    key, _secret = keys.issue(client=gateway, by="test", now=now)

    keys.revoke(key=key, by="staff:anna", now=now)
    keys.revoke(key=key, by="staff:boris", now=now + timedelta(days=1))

    assert ApiKey.objects.get().revoked_at == now
    assert AuditEvent.objects.get(action="revoke_key").by == "staff:anna"


@pytest.mark.parametrize(
    ("slot", "key_id", "constraint"),
    [(1, "b", "apikey_one_live_per_slot"), (3, "b", "apikey_two_slots"), (2, "a", "key_id")],
    ids=["slot taken", "third slot", "key id taken"],
)
def test_the_database_keeps_to_two_slots(gateway: ApiClient, slot: int, key_id: str, constraint: str) -> None:
    ApiKey.objects.create(client=gateway, key_id="a", slot=1, digest=b"d")

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        ApiKey.objects.create(client=gateway, key_id=key_id, slot=slot, digest=b"d")

    ApiKey.objects.create(client=gateway, key_id="c", slot=2, digest=b"d")


def test_a_command_may_replace_the_older_of_two_live_keys(db: None) -> None:
    """What docs/api.md does, however often it is followed."""
    for _ in range(4):
        call_command("issue_key", "doc", "--proof", "key", "--network", "127.0.0.0/8", "--replace", stdout=StringIO())

    assert ApiKey.objects.count() == 4
    assert [key.revoked_at is None for key in ApiKey.objects.order_by("pk")] == [False, False, True, True]
    with pytest.raises(CommandError, match=r"live keys|действующих ключа"):
        call_command("issue_key", "doc", "--proof", "key", stdout=StringIO())
