"""System checks: told by `manage.py check` and at every start of `manage.py`."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from core.lib import texts, zones

_HINT = (
    "Renew the zone data (2024a or newer): the system's package tzdata, which Python prefers to its own unless"
    " PYTHONTZPATH is empty, or that of the database server."
)
_COMPILE = "Run `python -m core.lib.compile_texts`; make run, test, check and manage do it by themselves."


@register
def python_zone_data(**_: Any) -> list[CheckMessage]:
    """Python's zone data knows Kazakhstan's single zone (Time)."""
    return _compare("Python", zones.offset_in_python())


@register(Tags.database)
def database_zone_data(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The database's zone data does too."""
    return _compare("PostgreSQL", zones.offset_in_database()) if databases else []


def _compare(whose: str, offset: timedelta) -> list[CheckMessage]:
    expected = timedelta(hours=settings.ASTANA_UTC_OFFSET_HOURS)
    if offset == expected:
        return []
    return [Error(f"{whose} gives Astana the offset {offset}, not {expected}.", hint=_HINT, id="smart.E001")]


@register(Tags.translation)
def compiled_texts(**_: Any) -> list[CheckMessage]:
    """Every catalogue is compiled: without its .mo a language's screens and pages would be in English (J8)."""
    return [
        Error(f"{po} is not compiled, or was changed since.", hint=_COMPILE, id="smart.E002")
        for folder in settings.LOCALE_PATHS
        for po in texts.stale(Path(folder))
    ]
