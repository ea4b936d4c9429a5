"""Numbers brought under a new key while everything runs."""

from collections.abc import Callable

import pytest
from django.core.management import call_command

from core.lib import crypto
from core.lib.msisdn import Msisdn
from enrollment.models import Subscriber


@pytest.mark.django_db
def test_every_number_is_encrypted_anew_and_still_found(make_subscriber: Callable[..., Subscriber], settings) -> None:
    make_subscriber()
    settings.MSISDN_KEYS = settings.MSISDN_KEYS | {2: bytes(range(32))}
    crypto.current_key.cache_clear()
    try:
        make_subscriber()

        call_command("reencrypt_numbers")

        stored = [bytes(subscriber.msisdn) for subscriber in Subscriber.objects.order_by("pk")]
        assert [value[0] for value in stored] == [2, 2]
        assert [crypto.decrypt_msisdn(value)[-2:] for value in stored] == ["01", "02"]
        assert Subscriber.objects.holding(Msisdn("77010000001")).exists()
    finally:
        crypto.current_key.cache_clear()
        crypto._cipher.cache_clear()
