"""Members made up by the hundred thousand, in one statement, for benchmarks and fault tests: no number can be read."""

from django.db import connection

_SUBSCRIBERS = """
INSERT INTO enrollment_subscriber (msisdn, msisdn_index, brand, line_status, tariff, language, language_is_chosen,
    town_id, birth_date, gender, created_at, changed_at)
SELECT '\\x00', substr(sha256(n::text::bytea), 1, 16), 'activ', 'active', 'made-up',
       (ARRAY['kk', 'ru', 'en'])[1 + n %% 3], false, (SELECT min(id) FROM enrollment_town) + n %% 80,
       date '1950-01-01' + n %% 20000, (ARRAY['f', 'm'])[1 + n %% 2], now() - interval '90 days',
       now() - interval '90 days'
FROM generate_series(1, %s) n
"""
_MEMBERSHIPS = """
INSERT INTO enrollment_membership (subscriber_id, joined_at, joined_by, consents, left_by, left_reason)
SELECT id, now() - interval '90 days' + (id %% 86400) * interval '1 second', 'made-up', 0, '', ''
FROM enrollment_subscriber WHERE tariff = 'made-up'
"""


def make_members(count: int) -> None:
    """Make `count` subscribers who joined 90 days ago and hold no consent, hence no consent records either."""
    with connection.cursor() as cursor:
        cursor.execute(_SUBSCRIBERS, [count])
        cursor.execute(_MEMBERSHIPS, [])
        cursor.execute("ANALYZE enrollment_subscriber, enrollment_membership")
