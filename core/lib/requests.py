"""What every HTTP request gets: an id that its log lines and its answer carry."""

from collections.abc import Callable
from secrets import token_hex

from django.http import HttpRequest, HttpResponse

from core.lib import logs


class RequestIdMiddleware:
    """Names the request; the id is ours, never the caller's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = token_hex(8)
        token = logs.request_id.set(name)
        try:
            response = self.get_response(request)
        finally:
            logs.request_id.reset(token)
        response["X-Request-ID"] = name
        return response
