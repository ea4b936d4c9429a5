"""The web entry point: a short middleware chain for the machines' edge, the full one for people."""

import os
from collections.abc import Iterable
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smart.settings")


class EdgeHandler(WSGIHandler):
    """Django's own handler with settings.EDGE_MIDDLEWARE: eight middlewares fewer on every key press."""

    def load_middleware(self, is_async: bool = False) -> None:
        everyone, settings.MIDDLEWARE = settings.MIDDLEWARE, settings.EDGE_MIDDLEWARE
        try:
            super().load_middleware(is_async)
        finally:
            settings.MIDDLEWARE = everyone


django.setup(set_prefix=False)
_people, _edge = WSGIHandler(), EdgeHandler()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Hand the request to the chain its path belongs to."""
    handler = _edge if environ.get("PATH_INFO", "").startswith(settings.EDGE_PATHS) else _people
    return handler(environ, start_response)
