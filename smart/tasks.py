"""What beat rings for: each task reads the clock and makes one call."""

from celery import shared_task
from django.contrib.sessions.backends.db import SessionStore

from bonuses import lifecycle as bonuses
from campaigns.campaign import lifecycle as launching
from campaigns.offers import approval
from campaigns.offers.uploads import operations as uploads
from campaigns.results import publishing, statement
from core.access import auth, proposals
from core.jobs import operations as jobs
from core.lib import clock, partitions
from core.lib.astana import month_of
from messaging import outbox
from messaging.prompts import sounds
from messaging.sending import dispatch
from smart import programme
from smart.directory import imports
from smart.ussd import sessions
from surveys.fieldwork import lifecycle
from surveys.results import exporting
from surveys.results import publishing as survey_publishing


@shared_task
def make_partitions() -> int:
    """Make next months' partitions, and forget job runs of long ago (ADR 0004)."""
    now = clock.now()
    jobs.forget_old(now=now)
    made = bonuses.make_partitions(now=now) + outbox.make_partitions(now=now)
    return made + partitions.ensure_ahead("ussd_dial", month_of(now))


@shared_task
def issue_month() -> int | None:
    """Issue the month's bonus (B1)."""
    return bonuses.issue_month(now=clock.now())


@shared_task
def announce_bonuses() -> int | None:
    """Tell members of the month's bonus (M8)."""
    return bonuses.announce_month(now=clock.now())


@shared_task
def announce_lapses() -> int | None:
    """Tell members what lapses tomorrow (M8)."""
    return bonuses.announce_lapses(now=clock.now())


@shared_task
def send_messages() -> int:
    """Hand messages over through every transport that has no process of its own."""
    return dispatch.send_for(seconds=dispatch.TURN_SECONDS)


@shared_task
def feed_surveys() -> int:
    """Start, invite, remind and end surveys."""
    return lifecycle.feed(now=clock.now())


@shared_task
def sweep_messages() -> int:
    """Take back what dead senders hold, match receipts, close what got none."""
    return outbox.sweep(now=clock.now())


@shared_task
def forget_prompts() -> int:
    """Delete spoken prompts that nobody has needed for long."""
    return sounds.sweep()


@shared_task
def end_messages() -> int:
    """End messages that can never leave any more."""
    return outbox.end_waiting(now=clock.now())


@shared_task
def feed_campaigns() -> int:
    """Start campaigns that are due, place their next members, finish what has ended."""
    return launching.feed(now=clock.now())


@shared_task
def end_offers() -> int:
    """End offers whose last day is over."""
    return approval.end_over(now=clock.now())


@shared_task
def drop_old_messages() -> int:
    """Drop months of messages that need not be kept any more."""
    return outbox.drop_old_months(now=clock.now())


@shared_task
def expire_grants() -> int | None:
    """Close what lapsed or was not activated in time (B5, B6)."""
    return bonuses.expire(now=clock.now())


@shared_task
def end_lost_memberships() -> int | None:
    """End memberships of lines that changed hands (J7)."""
    return programme.end_lost_memberships_daily(now=clock.now(), by="job:end_lost_memberships")


@shared_task
def file_dials() -> int:
    """File finished USSD sessions for the care desk."""
    return sessions.file_finished(now=clock.now())


@shared_task
def forget_nonces() -> int:
    """Forget the nonces of requests too old to be replayed."""
    return auth.forget_nonces()


@shared_task
def forget_sign_ins() -> None:
    """Delete staff sessions that have expired."""
    SessionStore.clear_expired()


@shared_task
def resume_imports() -> int:
    """Read uploaded directory exports and apply the confirmed ones."""
    return imports.work_off(now=clock.now())


@shared_task
def read_uploads() -> int:
    """Read partners' uploaded files of offers, import the confirmed ones, drop those nobody decided about."""
    return uploads.work_off(now=clock.now())


@shared_task
def publish_results() -> int | None:
    """Write down what partners see of their offers' results today (ADR 0021)."""
    return publishing.publish_daily(now=clock.now())


@shared_task
def publish_survey_results() -> int | None:
    """Write down what sponsors see of their surveys today (P2)."""
    return survey_publishing.publish_daily(now=clock.now())


@shared_task
def make_survey_files() -> int:
    """Make the files of answers that staff wait for."""
    return exporting.make_waiting(now=clock.now())


@shared_task
def issue_statements() -> int | None:
    """Issue last month's statements to partners."""
    return statement.issue_monthly(now=clock.now())


@shared_task
def lapse_proposals() -> int:
    """End proposed changes that nobody decided in time."""
    return proposals.lapse(now=clock.now())
