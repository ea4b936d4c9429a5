"""The statements of an answer: one reads where a member stands, one writes the answer and the step."""

from datetime import datetime

from core.lib import statements
from surveys.models import Response, Survey

# In the order of their models' fields: from_db takes values by it.
_RESPONSE = (
    "id", "version_id", "subscriber_id", "quota_id", "language", "state", "asked", "path", "turn", "started_at",
    "asked_at", "units",
)  # fmt: skip
_SURVEY = ("id", "ends_at", "reward_units", "rewards_full", "fast_seconds", "state")
_READ = f"""
SELECT EXISTS (SELECT FROM enrollment_membership m WHERE m.subscriber_id = r.subscriber_id AND m.left_at IS NULL),
       COALESCE((SELECT q.taken >= q.wanted FROM surveys_quota q WHERE q.id = r.quota_id), false),
       {", ".join(f"r.{column}" for column in _RESPONSE)}, {", ".join(f"s.{column}" for column in _SURVEY)}
FROM surveys_response r JOIN surveys_survey s ON s.id = r.survey_id
WHERE r.id = %s::bigint AND r.subscriber_id = %s::bigint FOR NO KEY UPDATE OF r
"""


def read(*, response_id: int, subscriber_id: int) -> tuple[Response, bool, bool]:
    """Lock a member's response and read it with its survey; is he a member, is his group full?

    What of them an answer does not need is read when it is asked for. Raises Response.DoesNotExist.
    """
    row = statements.fetch_one(_READ, [response_id, subscriber_id])
    if row is None:
        raise Response.DoesNotExist
    is_member, is_full, *values = row
    response = Response.from_db("default", _RESPONSE, values[: len(_RESPONSE)])
    response.survey = Survey.from_db("default", _SURVEY, values[len(_RESPONSE) :])
    return response, is_member, is_full


_STEP = """
WITH kept AS (
    INSERT INTO surveys_answer (response_id, question_id, value, text, answered_at, took_ms)
    VALUES (%(response)s::bigint, %(question)s::bigint, %(value)s::bigint, %(text)s::text, %(now)s::timestamptz,
            %(took)s::int)
)
UPDATE surveys_response
SET asked = %(asked)s::text, asked_at = %(now)s::timestamptz, turn = %(turn)s::int, path = %(path)s::text[]
WHERE id = %(response)s::bigint RETURNING 1
"""


def step(
    *, response: Response, question_id: int, value: int | None, text: str, took_ms: int, asked: str, now: datetime
) -> None:
    """Keep an answer and ask the next question; the response must be locked, its path holds the answered one."""
    response.asked, response.asked_at, response.turn = asked, now, response.turn + 1
    given = {"question": question_id, "value": value, "text": text, "took": took_ms, "asked": asked, "now": now}
    statements.fetch_one(_STEP, {**given, "response": response.pk, "turn": response.turn, "path": list(response.path)})
