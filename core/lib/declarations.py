"""Packages whose files declare one thing each: the folder is the list of them, and no other list can lag behind."""

import pkgutil
from importlib import import_module
from typing import TypeVar

T = TypeVar("T")


def find(package: str, *, name: str, kind: type[T], folders_only: bool = False) -> dict[str, T]:
    """What each file of a package declares as `name`, by the file. Raises TypeError, naming the file, for another.

    With `folders_only`, a folder is a declaration and everything that belongs to it, and files are what they share.
    """
    found: dict[str, T] = {}
    for file in pkgutil.iter_modules(import_module(package).__path__):
        if folders_only and not file.ispkg:
            continue
        declared = getattr(import_module(f"{package}.{file.name}"), name, None)
        if not isinstance(declared, kind):
            raise TypeError(f"{package.replace('.', '/')}/{file.name}.py declares no {name}.")
        found[file.name] = declared
    return found
