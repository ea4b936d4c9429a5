"""Browser tests drive the machine's own chromium (Debian's), never a downloaded one; without it they are skipped."""

import os
import shutil
from typing import Any

import pytest

from smart.local.bootstrap import BROWSERS

BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)

# Playwright keeps an event loop running in the test's thread, where Django else refuses to touch the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if BROWSER is None:
        for item in items:
            if item.get_closest_marker("e2e"):
                item.add_marker(pytest.mark.skip(reason="no chromium on this machine"))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Our browser; as root (a container) it cannot have its sandbox."""
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    return browser_type_launch_args | {"executable_path": BROWSER, "args": options}


@pytest.fixture(scope="session")
def base_url(live_server: Any) -> str:
    """Where `page.goto("/")` goes."""
    return str(live_server.url)
