"""What a test of a registry asks of every entry, and how it adds a made-up one."""

import ast
import importlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.functional import Promise

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def added(package: str, folder: Path) -> Iterator[None]:
    """Let the folder's files count as if they lay in the package."""
    before = set(sys.modules)
    module = importlib.import_module(package)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "__path__", [*module.__path__, str(folder)])
        yield
    for name in set(sys.modules) - before:
        if name.startswith(f"{package}."):
            del sys.modules[name]


def has_tests(file: Path) -> bool:
    """Whether a file is there and has a test."""
    return file.exists() and any(
        isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in ast.parse(file.read_text()).body
    )


def untranslated(texts: Iterable[str | Promise]) -> list[str]:
    """Those texts that Kazakh or Russian readers would read in English."""
    with translation.override(None):
        english = {str(text): text for text in texts}
    found = []
    for language in ("kk", "ru"):
        with translation.override(language):
            found += [f"{language}: {key}" for key, text in english.items() if key and str(text) == key]
    return found
