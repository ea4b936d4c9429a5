"""Which database this is, for the epoch that a person confirms; and its clock."""

from datetime import datetime

from messaging.sql.statements import rows

# What tells this very database from a restored or copied one. A restore of files or a promotion begins another
# timeline, a dump goes into another database or cluster; the site's name tells apart what the database itself cannot.
FINGERPRINT = """
(SELECT system_identifier FROM pg_control_system()) || '/' || (SELECT timeline_id FROM pg_control_checkpoint()) || '/'
|| (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' || %(site)s::text
"""
MAY_SEND = f"""
COALESCE((SELECT fingerprint FROM messaging_sendingepoch ORDER BY id DESC LIMIT 1) = {FINGERPRINT}, false)
"""


def clock() -> datetime:
    """The database's own time, this very instant."""
    return rows("SELECT clock_timestamp()", {})[0][0]


def fingerprint(*, site: str) -> str:
    """What this database is, for the epoch that a person confirms."""
    return str(rows(f"SELECT {FINGERPRINT}", {"site": site})[0][0])


def may_send(*, site: str) -> bool:
    """True when the latest confirmed epoch is this database's."""
    return bool(rows(f"SELECT {MAY_SEND}", {"site": site})[0][0])
