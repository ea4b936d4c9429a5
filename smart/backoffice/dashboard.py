"""The first page of the back office: the programme today and this month, at a glance."""

import json
from datetime import date, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.db.models import Q, Sum
from django.http import HttpRequest
from django.utils.translation import gettext as _

from bonuses.models import Grant, LedgerEntry
from core.access import proposal_pages
from core.jobs.models import JobRun
from core.lib import astana, clock

_FRESH_SECONDS = 60
_DAYS = 30
_THIN = "\u202f"  # parts thousands


def context(request: HttpRequest, given: dict[str, Any]) -> dict[str, Any]:
    """Add the figures to the admin's index page; they are at most a minute old."""
    figures: dict[str, Any] = cache.get_or_set("dashboard", _figures, _FRESH_SECONDS) or {}
    names = {
        "members": _("Members now"),
        "joined": _("Joined today"),
        "left": _("Left today"),
        "issued": _("Bonuses issued this month"),
        "activated": _("Bonuses activated this month"),
        "open": _("Units waiting and activated"),
        "debited": _("Units debited this month's grants"),
        "expired": _("Units lapsed of this month's grants"),
    }
    chart = {
        "labels": figures["days"],
        "datasets": [
            {"label": _("Joined"), "data": figures["joins"], "backgroundColor": "#15803d", "displayYAxis": True},
            {"label": _("Left"), "data": figures["leaves"], "backgroundColor": "#c2410c"},
        ],
    }
    return {
        **given,
        "cards": [(names[key], f"{figures[key]:,}".replace(",", _THIN)) for key in names],
        "chart": json.dumps(chart),
        "proposals": proposal_pages.count_for(request),
        "runs": JobRun.objects.order_by("-pk")[:6],
    }


def _figures() -> dict[str, Any]:
    now = clock.now()
    today, month = astana.start_of(astana.day_of(now)), astana.month_of(now)
    first = today - timedelta(days=_DAYS - 1)
    joins = _per_day("joined_at", first)
    leaves = _per_day("left_at", first)
    days = [astana.day_of(first + timedelta(days=number, hours=2)) for number in range(_DAYS)]
    entries = dict(LedgerEntry.objects.filter(month=month).values_list("kind").annotate(Sum("units")))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM enrollment_membership WHERE left_at IS NULL")
        members = cursor.fetchone()[0]
    grants = Grant.objects.filter(month=month, kind="monthly")
    return {
        "members": members,
        "joined": joins.get(days[-1], 0),
        "left": leaves.get(days[-1], 0),
        "issued": grants.count(),
        "activated": grants.filter(activated_at__isnull=False).count(),
        "open": Grant.objects.filter(Q(state="waiting") | Q(state="active", expires_at__gt=now)).aggregate(
            units=Sum("remaining")
        )["units"]
        or 0,
        "debited": entries.get("debit", 0) - entries.get("refund", 0),
        "expired": entries.get("expire", 0),
        "days": [f"{day:%d.%m}" for day in days],
        "joins": [joins.get(day, 0) for day in days],
        "leaves": [leaves.get(day, 0) for day in days],
    }


def _per_day(column: str, first: datetime) -> dict[date, int]:
    """Memberships begun or ended per Astana day since `first`; `column` is ours, never a visitor's."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT ({column} AT TIME ZONE 'Asia/Almaty')::date, count(*) FROM enrollment_membership"
            f" WHERE {column} >= %s GROUP BY 1",
            [first],
        )
        return dict(cursor.fetchall())
