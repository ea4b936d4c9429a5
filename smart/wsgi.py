"""The web entry point: a short middleware chain for the machines' edge, the full one for people."""

import gc
import os
from collections.abc import Iterable
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, get_script_name
from django.db import connection
from django.urls import get_resolver, set_script_prefix

from core.lib import zones

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smart.settings")


class EdgeHandler(WSGIHandler):
    """Django's own handler for machines: settings.EDGE_MIDDLEWARE, and no signals of a request's start and end.

    What those signals are for here (giving the connection back to the pool) is one call at the end.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        everyone, settings.MIDDLEWARE = settings.MIDDLEWARE, settings.EDGE_MIDDLEWARE
        try:
            super().load_middleware(is_async)
        finally:
            settings.MIDDLEWARE = everyone

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer one request in one piece."""
        set_script_prefix(get_script_name(environ))
        try:
            response: Any = self.get_response(self.request_class(environ))
        finally:
            connection.close()
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return [response.content]


django.setup(set_prefix=False)
zones.require_in_python()
_people, _edge = WSGIHandler(), EdgeHandler()
# Everything a request will need is loaded now and stays: the collector, which walked it for half a second while key
# presses waited, need not look at it again. A request makes thousands of objects, hardly any of them in a circle.
_ = get_resolver().url_patterns
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 1000)


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Hand the request to the chain its path belongs to."""
    handler = _edge if environ.get("PATH_INFO", "").startswith(settings.EDGE_PATHS) else _people
    return handler(environ, start_response)
