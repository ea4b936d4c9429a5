"""The registry of dialects: every file of this folder declares one, as DIALECT."""

import pkgutil
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from smart.ussd.dialect import Dialect

DEFAULT = "native"  # our own comes first


def find(folders: Iterable[str]) -> dict[str, Dialect[Any]]:
    """Read the declarations of all files. Raises TypeError, naming the file, where there is none."""
    found = {}
    for file in pkgutil.iter_modules(folders):
        dialect = getattr(import_module(f"{__name__}.{file.name}"), "DIALECT", None)
        if not isinstance(dialect, Dialect) or dialect.name != file.name:
            raise TypeError(f"smart/ussd/dialects/{file.name}.py declares no DIALECT of its own name.")
        found[file.name] = dialect
    return dict(sorted(found.items(), key=lambda entry: (entry[0] != DEFAULT, entry[0])))


DIALECTS = find(__path__)
