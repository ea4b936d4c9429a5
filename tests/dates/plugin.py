"""A pytest plugin: every test begins at the run's instant, else all but the first would be tried after it."""

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.lib import clock
from tests.dates import faked


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Set the clock back; nobody is in the middle of anything between two tests."""
    file = Path(os.environ[faked.FILE])
    true_now = clock.machine() - timedelta(seconds=float(file.read_text()))
    faked.set_to(datetime.fromisoformat(os.environ[faked.AT]), file=file, true_now=true_now)
