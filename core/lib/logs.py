"""Log lines that carry the request's id and never a phone number (M6)."""

import logging
import re
from contextvars import ContextVar

from django.core.exceptions import PermissionDenied

request_id: ContextVar[str] = ContextVar("request_id", default="-")

# The ten digits of a Kazakhstan mobile number, however spelled, with or without what stands before them; a last net,
# not a licence to log them.
_GAP = r"[\s().\-\u2010-\u2015\u2212\u00a0]*"
_NUMBER = re.compile(rf"(?<!\d)(?:(?:\(\+?7\)|\+?7|8){_GAP})?7\d{{2}}{_GAP}\d{{3}}{_GAP}\d{{2}}{_GAP}\d{{2}}(?!\d)")


def mask_numbers(text: str) -> str:
    """Replace everything that looks like a mobile number."""
    return _NUMBER.sub("[number]", text)


class RequestContext(logging.Filter):
    """Adds the request id to each record, and takes the traceback from a refusal: nothing went wrong in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        if record.exc_info and isinstance(record.exc_info[1], PermissionDenied):
            record.exc_info = None
        return True


class MaskingFormatter(logging.Formatter):
    """One line an event, and the traceback below it; numbers masked in both."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Keep what came from outside from beginning a line of its own."""
        record.message = record.message.replace("\r", "\\r").replace("\n", "\\n")
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        return mask_numbers(super().format(record))
