"""docs/reference.md: what there is of each kind, written from the declarations by `make docs`."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from celery import current_app
from django.utils import translation

from core.jobs.job import Job
from enrollment.audience import registry
from enrollment.audience.condition import Choice, Condition, Number
from messaging import kinds
from messaging.channels.kind import COMMON, Option, TransportKind
from messaging.channels.kind import kinds as transport_kinds
from messaging.service_message import ServiceMessage
from smart.jobs import JOBS
from smart.local import handset

PAGE = Path(__file__).resolve().parents[2] / "docs/reference.md"
_HEAD = """# Reference
What there is of each kind. `make docs` writes this page from the declarations;
[recipes.md](recipes.md) says how to add one more.
"""
_TRANSPORTS = """## Transports
What an entry of `TRANSPORTS_FILE` may say ([operations.md](operations.md) has it as a file). Every kind:
"""


def page() -> str:
    """The whole page."""
    sections = [
        _HEAD,
        _table("Audience conditions", ("condition", "in a saved definition", "asks"), _conditions()),
        _table("Service messages", ("kind", "announced", "placeholders", "as shipped"), _messages()),
        _TRANSPORTS,
        _options(COMMON),
        *(transport_section(name, kind) for name, kind in _transports()),
        _table("Periodic jobs", ("task", "does", "rung for every", "queue", "done once for"), _jobs()),
    ]
    return "\n".join(sections)


def _table(title: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    heading = f"## {title}\n" if title else ""
    return heading + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _conditions() -> Iterable[tuple[str, ...]]:
    for module, condition in registry.conditions().items():
        yield condition_row(module, condition)


def condition_row(module: str, condition: Condition) -> tuple[str, str, str]:
    """What the page says of a condition."""
    saved = []
    for field in condition.fields:
        if isinstance(field, Choice):
            saved.append(f'`"{field.name}": ["…"]`')
        elif isinstance(field, Number):
            saved.append(f'`"{field.name}": 0–{field.most}`')
        else:
            saved.append(f'`"{field.name}"` in `"traits"` or `"not_traits"`')
    return f"`{module.replace('.', '/')}.py`", ", ".join(saved), condition.meaning


def _messages() -> Iterable[tuple[str, ...]]:
    for kind, message in kinds.SERVICE.items():
        yield message_row(kind, message)


def message_row(kind: str, message: ServiceMessage) -> tuple[str, str, str, str]:
    """What the page says of a service message."""
    placeholders = ", ".join(f"`{{{name}}}`" for name in message.placeholders)
    hours = "at any hour" if message.is_answer else "in the window"
    shipped = "on" if message.is_on else "off"
    with translation.override("en"):
        announced = str(message.announced)
    return f"`{kind}`", f"{announced}; leaves {hours}", placeholders, f"{shipped}: {message.text_en}"


def _transports() -> Iterable[tuple[str, TransportKind]]:
    yield from transport_kinds().items()
    yield "handset", handset.TRANSPORT


def transport_section(name: str, kind: TransportKind) -> str:
    """What the page says of a kind of transport."""
    served = f"by `manage.py run_sender --kind {name}`" if kind.has_process else "by the worker"
    serves = ", ".join(kind.channels)
    return (
        f"### `{name}`: {kind.title}\nServes {serves} unless it says otherwise, {served}; {kind.health}.\n\n"
        + _options(kind.options)
    ).rstrip("\n") + "\n"


def _options(options: Mapping[str, Option]) -> str:
    if not options:
        return ""
    rows = [
        (f"`{name}`" + (", required" if option.is_required else ""), option.meaning, f"`{_toml(option.example)}`")
        for name, option in options.items()
    ]
    return _table("", ("option", "meaning; when it is not said", "for example"), rows)


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else json.dumps(value, ensure_ascii=False)


def _jobs() -> Iterable[tuple[str, ...]]:
    for name, job in JOBS.items():
        yield job_row(name, job)


def job_row(name: str, job: Job) -> tuple[str, str, str, str, str]:
    """What the page says of a periodic job."""
    described = (current_app.tasks[f"smart.tasks.{name}"].__doc__ or "").partition("\n")[0]
    slot = f"{job.run.slot} (`{job.run.name}`)" if job.run else "nothing: it may run any number of times"
    return f"`{name}`", described, str(job.every), job.queue, slot
