"""The conditions there are: a file of an app's package `conditions` declares each, as CONDITION."""

from collections.abc import Iterator
from functools import cache

from django.apps import apps
from django.utils.module_loading import module_has_submodule

from core.lib import declarations
from enrollment.audience.condition import Audience, Condition, Field


@cache
def conditions() -> dict[str, Condition]:
    """Every condition by its module, in the order of an audience's sentence.

    Raises TypeError, naming the file, where there is none, and for a field of two conditions.
    """
    found: dict[str, Condition] = {}
    for app in apps.get_app_configs():
        if module_has_submodule(app.module, "conditions"):
            package = f"{app.name}.conditions"
            declared = declarations.find(package, name="CONDITION", kind=Condition)
            found |= {f"{package}.{file}": condition for file, condition in declared.items()}
    names: set[str] = set()
    for module, condition in found.items():
        for field in condition.fields:
            if field.name in names:
                raise TypeError(f"{module} declares the field {field.name}, which another condition has.")
            names.add(field.name)
    return dict(sorted(found.items(), key=lambda entry: (entry[1].place, entry[0])))


def fields() -> dict[str, Field]:
    """Every field of every condition, by its name."""
    return {field.name: field for condition in conditions().values() for field in condition.fields}


def asked(audience: Audience) -> Iterator[Condition]:
    """The conditions that an audience says something about."""
    for condition in conditions().values():
        if any(field.name in audience.said for field in condition.fields):
            yield condition
