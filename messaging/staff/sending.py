"""Sending at a glance: the switch, today by hour, what waits and when it will have left, how the transports are."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import connection
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from core.access import proposals, proposing
from core.lib import astana, clock
from core.staff.pages import StaffRequest, framed, page
from messaging import kinds, outbox, sql, window
from messaging.changes import sending_policy
from messaging.models import Message, MessageClass, Stream, TransportHealth
from messaging.sending import transports

_SEE, _CHANGE = "messaging.view_sendingpolicy", "messaging.change_sendingpolicy"


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a stream has waiting for today, and when the last of it will have left at the pace there is."""

    stream: str
    waiting: int
    a_minute: float
    ends_at: datetime | None
    fits: bool
    is_carried: bool
    is_held: bool  # paused, or this database may not send: it leaves at no hour that can be told


@page(_SEE)
@require_safe
def look(request: StaffRequest) -> HttpResponse:
    """All of it on one page."""
    now = clock.now()
    policy = outbox.policy()
    today = window.at(now, policy)
    may_send = sql.may_send(site=settings.SENDING_SITE)
    return framed(
        request,
        "sending/page.html",
        title=_("Sending"),
        policy=policy,
        is_open=today.opens <= now < today.closes - window.LAST_CLAIM,
        opening=window.next_opening(now, policy, channel="ussd"),
        may_send=may_send,
        may_switch=request.user.has_perm(_CHANGE),
        states=_states(now),
        chart=json.dumps(_chart(now)),
        backlogs=_backlogs(now, today, is_stopped=policy.is_paused or not may_send),
        transports=_transports(now),
        waiting=proposals.waiting(now=now, kind="sending_policy"),
    )


@page(_CHANGE)
@require_POST
def switch(request: StaffRequest) -> HttpResponse:
    """Pause everything at once, or propose that it goes on."""
    reason = request.POST.get("reason", "").strip()[:300]
    if request.POST.get("to") == "pause":
        outbox.pause(by=request.by, now=clock.now(), reason=reason)
        messages.warning(request, _("Everything is paused; nothing more leaves."))
    else:
        kind, subject = "sending_policy", sending_policy.SUBJECT
        proposing.submit(request, kind=kind, subject=subject, after={"is_paused": False}, reason=reason)
    return redirect("sending:page")


def _states(now: datetime) -> list[tuple[str, str, int]]:
    """(state, reason, how many) of the messages made this month and last, most first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, why, count(*) FROM messaging_message WHERE month >= %s GROUP BY 1, 2 ORDER BY 3 DESC",
            [astana.previous_month(astana.month_of(now))],
        )
        rows = cursor.fetchall()
    names = dict(Message.State.choices)
    return [(str(names.get(state, state)), str(kinds.WHY.get(why, why)), count) for state, why, count in rows]


def _chart(now: datetime) -> dict[str, Any]:
    """Today's hand-overs by Astana hour and class."""
    start = astana.start_of(astana.day_of(now))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(hour FROM submitted_at AT TIME ZONE 'Asia/Almaty')::int, message_class, count(*)"
            " FROM messaging_message WHERE month >= %s AND submitted_at >= %s GROUP BY 1, 2",
            [astana.previous_month(astana.month_of(now)), start],
        )
        counted = {(hour, message_class): count for hour, message_class, count in cursor.fetchall()}
    hours = list(range(24))
    colors = {"service": "#0369a1", "survey": "#15803d", "offer": "#c2410c"}
    names = dict(MessageClass.choices)
    return {
        "labels": [f"{hour:02}" for hour in hours],
        "datasets": [
            {
                "label": str(names[message_class]),
                "data": [counted.get((hour, message_class), 0) for hour in hours],
                "backgroundColor": color,
                "displayYAxis": True,
            }
            for message_class, color in colors.items()
        ],
    }


def _backlogs(now: datetime, today: window.Window, *, is_stopped: bool) -> list[Backlog]:
    with connection.cursor() as cursor:
        cursor.execute(
            # Of a day's offers one a reader leaves: the others wait for the next.
            "SELECT stream_id, CASE message_class WHEN 'offer' THEN count(DISTINCT subscriber_id) ELSE count(*) END"
            " FROM messaging_message WHERE state = 'waiting' AND not_before < %s"
            " AND month >= %s GROUP BY stream_id, message_class ORDER BY 2 DESC LIMIT 50",
            [today.closes if now < today.closes else today.closes + timedelta(days=1), sql.oldest_month(now)],
        )
        waiting = dict(cursor.fetchall())
    pace = 60 * sum(
        health.rate or _own_rate(health.name)
        for health in TransportHealth.objects.filter(is_up=True, touched_at__gt=now - transports.AWAY_AFTER)
    )
    found, ahead = [], 0
    order = {"service": 0, "survey": 1, "offer": 2}
    streams = sorted(Stream.objects.filter(pk__in=waiting), key=lambda stream: order[stream.message_class])
    for stream in streams:
        ahead += waiting[stream.pk]  # what is before it leaves first
        a_minute = min(pace, stream.rate_per_minute or pace) if pace else 0.0
        begins = max(now, today.opens)
        minutes = max(ahead / pace if pace else 0, waiting[stream.pk] / a_minute if a_minute else 0)
        is_held = stream.is_paused or is_stopped
        ends_at = begins + timedelta(minutes=minutes) if a_minute and not is_held else None
        found.append(
            Backlog(
                stream=str(stream),
                waiting=waiting[stream.pk],
                a_minute=round(a_minute),
                ends_at=ends_at,
                fits=ends_at is not None and ends_at < today.closes - window.LAST_CLAIM,
                is_carried=stream.is_carried or stream.message_class == "service",
                is_held=is_held,
            )
        )
    return found


def _own_rate(name: str) -> float:
    return next((float(entry.get("rate", 0)) for entry in settings.TRANSPORTS if entry["name"] == name), 0.0) or 100.0


def _transports(now: datetime) -> list[dict[str, Any]]:
    heard = {health.name: health for health in TransportHealth.objects.all()}
    rows = []
    for entry in settings.TRANSPORTS:
        health = heard.get(entry["name"])
        is_away = health is None or health.touched_at < now - transports.AWAY_AFTER
        rows.append({"name": entry["name"], "kind": entry["kind"], "health": health, "is_away": is_away})
    return rows
