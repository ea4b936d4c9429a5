"""Peers as processes of their own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.peers.smsc import server
from tests.peers.smsc.server import Smsc


@pytest.fixture
def start_smsc(tmp_path: Path) -> Iterator[Callable[..., Smsc]]:
    """Start SMSCs that behave as told; they end with the test."""
    if reason := server.why_not():
        pytest.skip(reason)
    with ExitStack() as stack:

        def start(**behaviour: Any) -> Smsc:
            return stack.enter_context(Smsc(tmp_path, **behaviour))

        yield start
