"""Days and instants on staff pages: Astana time, written the same in every language; filters of every template, too."""

from datetime import date, datetime

from django import template

from core.lib import astana

register = template.Library()


@register.filter
def day(value: date | None) -> str:
    """01.12.2026; "" for None."""
    return f"{value:%d.%m.%Y}" if value else ""


@register.filter
def instant(value: datetime | None) -> str:
    """01.12.2026 10:00; "" for None."""
    return f"{value.astimezone(astana.ZONE):%d.%m.%Y %H:%M}" if value else ""


@register.filter
def second(value: datetime | None) -> str:
    """01.12.2026 10:00:05, where the order of things matters; "" for None."""
    return f"{value.astimezone(astana.ZONE):%d.%m.%Y %H:%M:%S}" if value else ""
