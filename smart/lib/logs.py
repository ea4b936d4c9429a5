"""Log lines that carry the request's id and never a phone number."""

import logging
import re
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="-")

# Eleven digits of a Kazakhstan mobile number, however spelled; a last net, not a licence to log them.
_NUMBER = re.compile(r"(?<![\w])(?:\+?7|8)[\s(\-]*7\d{2}[\s)\-]*\d{3}[\s\-]*\d{2}[\s\-]*\d{2}(?!\w)")


def mask_numbers(text: str) -> str:
    """Replace everything that looks like a mobile number."""
    return _NUMBER.sub("[number]", text)


class RequestContext(logging.Filter):
    """Adds the request id to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class MaskingFormatter(logging.Formatter):
    """One line an event, numbers masked, tracebacks included."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return mask_numbers(super().format(record))
