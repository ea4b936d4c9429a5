"""/metrics: the outbox and the transports for Prometheus, with a token."""

import pytest
from django.test import Client

from messaging.models import TransportHealth

pytestmark = pytest.mark.django_db


def test_without_a_token_there_are_none(client: Client) -> None:
    assert client.get("/metrics").status_code == 404


def test_a_wrong_token_is_refused(client: Client, settings) -> None:
    settings.METRICS_TOKEN = "right"

    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_it_tells_of_transports_and_the_switch(client: Client, settings, now) -> None:
    settings.METRICS_TOKEN = "right"
    TransportHealth.objects.create(name="smsc-1", kind="smpp", is_up=True, rate=12.5, touched_at=now)

    told = client.get("/metrics", headers={"Authorization": "Bearer right"}).content.decode()

    assert 'smart_transport_rate{kind="smpp",transport="smsc-1"} 12.5' in told
    assert "smart_sending_paused 0.0" in told
    assert "smart_receipts_unmatched 0.0" in told
    assert "smart_sending_confirmed 0.0" in told
