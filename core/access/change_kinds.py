"""The kinds of change that take two people: a file of an app's package `changes` declares each, as CHANGE."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.apps import apps
from django.utils.functional import Promise
from django.utils.module_loading import module_has_submodule

from core.lib import declarations

Words = str | Promise
Fields = dict[str, Any]  # by name, as JSON keeps them; {} for what is not there


@dataclass(frozen=True, kw_only=True)
class ChangeKind:
    """What can be changed, who may, and what a change does.

    `subject` is the kind's own name for one thing it changes. `before` and `after` are the fields that change; before
    is {} for what is made, after is {} for what is removed.
    """

    name: Words
    permission: str  # to propose, to put in force what only tightens, to confirm and to refuse
    page: str  # the URL name of where people change it
    labels: Mapping[str, Words]  # every field, in the order in which pages show them
    subject_in_words: Callable[[str], str]
    value_in_words: Callable[[str, Any], str]  # of a field
    standing: Callable[[str], Fields]  # what stands now; locks its row, so that it stays until the transaction ends
    check: Callable[[str, Fields, datetime], None]  # what shall stand; raises Refusal or ValidationError
    is_tightening: Callable[[Fields, Fields], bool]  # before, after: whether one person is enough
    forecast: Callable[[str, Fields, Fields, datetime], Fields]  # what stands, what shall: figures
    forecast_in_words: Callable[[Fields], list[str]]
    apply: Callable[..., None]  # subject, before, after, by, now; writes its own audit row


@cache
def kinds() -> dict[str, ChangeKind]:
    """Every kind by its file's name. Raises TypeError for a file that declares none, and for a name of two files."""
    found: dict[str, ChangeKind] = {}
    for app in apps.get_app_configs():
        if module_has_submodule(app.module, "changes"):
            declared = declarations.find(f"{app.name}.changes", name="CHANGE", kind=ChangeKind)
            if both := found.keys() & declared.keys():
                raise TypeError(f"Two files declare the change {min(both)}.")
            found |= declared
    return found
