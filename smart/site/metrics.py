"""What Prometheus may ask, at /metrics, with a bearer token: the outbox, its oldest waiting, the transports."""

import hmac
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from core.lib import clock
from messaging import outbox, receipts, sql
from messaging.models import Receipt, TransportHealth
from messaging.sending import transports


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures of this moment; 404 where no token is set, 401 without it."""
    if not settings.METRICS_TOKEN:
        raise Http404
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(shown.encode(), settings.METRICS_TOKEN.encode()):
        return HttpResponse(status=401)
    registry = CollectorRegistry()
    registry.register(Outbox(clock.now()))
    return HttpResponse(generate_latest(registry) + generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


class Outbox(Collector):
    """The outbox and the transports, read when asked."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing is asked of the database when this is registered."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each family."""
        yield self._messages()
        yield self._oldest()
        yield self._unmatched()
        yield from self._transports()
        paused = GaugeMetricFamily("smart_sending_paused", "1 while everything is paused")
        paused.add_metric([], float(outbox.policy().is_paused))
        yield paused
        confirmed = GaugeMetricFamily("smart_sending_confirmed", "1 when this database is confirmed for sending")
        confirmed.add_metric([], float(sql.may_send(site=settings.SENDING_SITE)))
        yield confirmed

    def _messages(self) -> GaugeMetricFamily:
        family = GaugeMetricFamily(
            "smart_messages", "Messages of the live months", labels=["message_class", "channel", "state", "why"]
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT message_class, channel, state, why, count(*) FROM messaging_message WHERE month >= %s"
                " GROUP BY 1, 2, 3, 4",
                [sql.oldest_month(self.now)],
            )
            for *labels, count in cursor.fetchall():
                family.add_metric(labels, count)
        return family

    def _oldest(self) -> GaugeMetricFamily:
        family = GaugeMetricFamily(
            "smart_oldest_due_seconds", "How long the oldest due message waits", labels=["channel"]
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT channel, extract(epoch FROM %s - min(not_before)) FROM messaging_message"
                " WHERE state = 'waiting' AND not_before <= %s AND month >= %s GROUP BY 1",
                [self.now, self.now, sql.oldest_month(self.now)],
            )
            for channel, seconds in cursor.fetchall():
                family.add_metric([channel], float(seconds))
        return family

    def _unmatched(self) -> GaugeMetricFamily:
        family = GaugeMetricFamily("smart_receipts_unmatched", "Receipts of three days whose message is not known")
        waiting = Receipt.objects.filter(matched_at=None, received_at__gt=self.now - receipts.LOOKED_AT)
        family.add_metric([], waiting.count())
        return family

    def _transports(self) -> Iterator[GaugeMetricFamily]:
        rows = list(TransportHealth.objects.all())
        for name, meaning in {
            "up": "1 while it is bound and heard of",
            "in_flight": "window in use",
            "rate": "messages a second",
            "errors": "errors since its process began",
        }.items():
            family = GaugeMetricFamily(f"smart_transport_{name}", meaning, labels=["transport", "kind"])
            for row in rows:
                is_heard = row.touched_at > self.now - transports.AWAY_AFTER
                value = float(row.is_up and is_heard) if name == "up" else float(getattr(row, name))
                family.add_metric([row.name, row.kind], value)
            yield family
