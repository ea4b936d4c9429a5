"""The dialects of the registry one after the other, and a made-up one that is added for a test."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import clear_url_caches

import smart.ussd.urls
from smart import urls
from smart.ussd import dialects
from smart.ussd.dialect import Dialect
from smart.ussd.dialects import DIALECTS
from tests.ussd.conftest import DialectClient, key_for

TOY = "cellgate"


def _reload_addresses() -> None:
    importlib.reload(smart.ussd.urls)
    importlib.reload(urls)
    clear_url_caches()


@pytest.fixture
def toy() -> Iterator[Dialect[Any]]:
    """The made-up dialect, as if its file lay in smart/ussd/dialects/."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialects, "__path__", [*dialects.__path__, str(Path(__file__).parent / "toy")])
        patch.setattr(dialects, "DIALECTS", dialects.find(dialects.__path__))
        _reload_addresses()
        yield dialects.DIALECTS[TOY]
    del sys.modules[f"{dialects.__name__}.{TOY}"]
    _reload_addresses()


@pytest.fixture(params=[*DIALECTS, TOY])
def dialect(request: pytest.FixtureRequest) -> Dialect[Any]:
    """Each dialect in turn; the made-up one last."""
    found: Dialect[Any] = request.getfixturevalue("toy") if request.param == TOY else DIALECTS[request.param]
    return found


@pytest.fixture
def client(dialect: Dialect[Any], db: None) -> DialectClient:
    """A gateway that speaks the dialect."""
    return DialectClient(dialect, *key_for(dialect))
