"""One exchange with a gateway, by whatever edge: read, ask the engine, answer; a polite end when time is short."""

import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings

from core.access.auth import Caller
from core.lib import clock, problems
from smart.ussd import deadline, endings, engine, sessions
from smart.ussd.dialect import Dialect, Incoming, SessionEnded

logger = logging.getLogger(__name__)


def answer(dialect: Dialect[Any], incoming: Incoming, authenticate: Callable[[], Caller]) -> bytes:
    """Return the body of the answer. `authenticate` is called first, within the time there is.

    Raises NotAuthenticated, BadRequest.
    """
    try:
        with deadline.within(settings.USSD_DEADLINE_SECONDS - 0.3):
            caller = authenticate()
            fields = dialect.read(incoming)
            request = dialect.parse(fields, caller)
            if isinstance(request, SessionEnded):
                return dialect.render(endings.farewell(), fields)
            return dialect.render(engine.answer(request, now=clock.now()), fields)
    except (*problems.DATABASE_AWAY, sessions.Raced) as error:
        logger.warning("A dial was not answered in time: %s", type(error).__name__)
        return dialect.try_again(endings.try_again(), incoming)
