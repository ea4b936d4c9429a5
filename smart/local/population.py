"""Members made up by the hundred thousand for benchmarks and fault tests; their numbers are nobody's."""

from datetime import timedelta

from django.db import connection

from core.lib import clock, crypto

_NOBODYS = "77010000000"  # all show this number; each is found under an index that no number leads to

_SUBSCRIBERS = """
    INSERT INTO enrollment_subscriber (msisdn, msisdn_index, brand, line_status, tariff, language, language_is_chosen,
        town_id, birth_date, gender, created_at, changed_at)
    SELECT %(msisdn)s, substr(sha256(n::text::bytea), 1, 16), 'activ', 'active', 'made-up',
           (ARRAY['kk', 'ru', 'en'])[1 + n %% 3], false, (SELECT min(id) FROM enrollment_town) + n %% 80,
           date '1950-01-01' + n %% 20000, (ARRAY['f', 'm'])[1 + n %% 2], %(at)s, %(at)s
    FROM generate_series(%(first)s, %(last)s) n
    RETURNING id
"""
_MEMBERS = f"""
WITH made AS ({_SUBSCRIBERS})
INSERT INTO enrollment_membership (subscriber_id, joined_at, joined_by, consents, left_by, left_reason)
SELECT id, %(at)s + (id %% 86400) * interval '1 second', 'made-up', 0, '', '' FROM made
"""


def make_members(count: int, *, after: int = 0) -> None:
    """Make `count` subscribers who joined 90 days ago and hold no consent, hence no consent records either.

    `after` so many were made before.
    """
    _make(_MEMBERS, count, after)


def make_strangers(count: int, *, after: int = 0) -> None:
    """Make subscribers who never joined."""
    _make(_SUBSCRIBERS, count, after)


def _make(statement: str, count: int, after: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "msisdn": crypto.encrypt_msisdn(_NOBODYS),
                "first": after + 1,
                "last": after + count,
                "at": clock.now() - timedelta(days=90),
            },
        )
        cursor.execute("ANALYZE enrollment_subscriber, enrollment_membership")
