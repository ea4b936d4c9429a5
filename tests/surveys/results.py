"""What tests of results share: responses as the tables hold them, made without walking through the survey."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from surveys.fieldwork import lifecycle
from surveys.models import Answer, Response, Survey, Version
from surveys.questionnaire import scripts

_people = count(1_000_000)


def respond(
    survey: Survey,
    answers: Mapping[str, int | str] | None = None,
    *,
    now: datetime,
    times: int = 1,
    state: str = "completed",
    waits: str = "",
    seconds: float = 5,
    version: Version | None = None,
    **fields: Any,
) -> list[Response]:
    """Put responses into the tables, each answered the same; `waits` is the question that a started one stands at."""
    version = version or lifecycle.current(survey)
    assert version is not None
    given = answers or {}
    made = Response.objects.bulk_create(
        Response(
            survey=survey, version=version, state=state, asked=waits,
            started_at=now, asked_at=now, path=list(given),
            ended_at=None if state == "started" else now + timedelta(seconds=seconds * len(given)),
            **{"subscriber_id": next(_people), "language": "ru", "channel": "ussd", **fields},
        )
        for _one in range(times)
    )  # fmt: skip
    items = scripts.of(version).by_code
    Answer.objects.bulk_create(
        Answer(
            response=response, question_id=items[code].id, answered_at=now, took_ms=round(seconds * 1000),
            value=None if isinstance(value, str) else value, text=value if isinstance(value, str) else "",
        )
        for response in made
        for code, value in given.items()
    )  # fmt: skip
    return made
