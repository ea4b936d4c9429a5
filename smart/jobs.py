"""What beat rings for, and how often: each job is the task of its name in smart.tasks (docs/recipes.md).

Settings read this before there are models, so it is apart from the tasks.
"""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from core.jobs.job import Job, Run

JOBS = {
    "make_partitions": Job(every=timedelta(minutes=30)),
    "issue_month": Job(
        every=timedelta(minutes=1), run=Run("issue_month", _("issue the month's bonuses"), slot="the Astana day")
    ),
    "expire_grants": Job(
        every=timedelta(minutes=1),
        run=Run("expire", _("lapse bonuses"), slot="ten minutes of UTC"),
    ),
    "end_lost_memberships": Job(
        every=timedelta(minutes=5),
        run=Run("end_lost_memberships", _("end memberships of lost lines"), slot="the Astana day"),
    ),
    "file_dials": Job(every=timedelta(minutes=1)),
    "forget_sign_ins": Job(every=timedelta(hours=6)),
    "forget_nonces": Job(every=timedelta(minutes=5)),
    "send_messages": Job(every=timedelta(seconds=5), queue="messages"),
    "sweep_messages": Job(every=timedelta(seconds=10)),
    "end_messages": Job(every=timedelta(minutes=5)),
    "feed_campaigns": Job(every=timedelta(seconds=10)),
    "feed_surveys": Job(every=timedelta(seconds=10)),
    "end_offers": Job(every=timedelta(minutes=10)),
    "publish_results": Job(
        every=timedelta(minutes=5), run=Run("publish_results", _("publish results to partners"), slot="the Astana day")
    ),
    "publish_survey_results": Job(
        every=timedelta(minutes=5),
        run=Run("publish_survey_results", _("publish survey results to sponsors"), slot="the Astana day"),
    ),
    "issue_statements": Job(
        every=timedelta(hours=1),
        run=Run("issue_statements", _("write partners' statements"), slot="the Astana month before"),
    ),
    "lapse_proposals": Job(every=timedelta(minutes=1)),
    "drop_old_messages": Job(every=timedelta(hours=6)),
    "forget_prompts": Job(every=timedelta(days=1)),
    "announce_bonuses": Job(
        every=timedelta(minutes=1), run=Run("announce_month", _("announce the month's bonuses"), slot="the Astana day")
    ),
    "announce_lapses": Job(
        every=timedelta(minutes=10), run=Run("announce_lapses", _("announce what lapses tomorrow"), slot="the hour")
    ),
    "resume_imports": Job(every=timedelta(seconds=10), queue="imports"),
    "read_uploads": Job(every=timedelta(seconds=5), queue="imports"),
    "make_survey_files": Job(every=timedelta(seconds=2), queue="imports"),
}
