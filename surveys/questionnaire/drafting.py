"""Writing: a draft version is changed freely, checked, published and then frozen; a correction is a new version."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core.access import audit
from core.lib.errors import Refusal
from surveys.models import Choice, Question, Survey, Version
from surveys.questionnaire import flow, scripts
from surveys.questionnaire.flow import ScriptProblem


class NotPublishable(Refusal):
    """The questions cannot be published; `what` says everything that is wrong with them."""

    code = "survey_not_publishable"
    sentence = _("The questions cannot be published: %(what)s.")
    status = 422


class Frozen(Refusal):
    """A published version's questions never change."""

    code = "survey_frozen"
    sentence = _("These questions are published: make a new version to correct them.")


def draft_of(survey: Survey) -> Version | None:
    """The version that is being written, if there is one."""
    return survey.versions.filter(published_at__isnull=True).first()


@transaction.atomic
def new_draft(*, survey: Survey, by: str, now: datetime) -> Version:
    """Begin a version: a copy of the newest one, or an empty first; the one being written, if there is one already."""
    Survey.objects.select_for_update().get(pk=survey.pk)
    if (written := draft_of(survey)) is not None:
        return written
    newest = survey.versions.order_by("-number").first()
    version = Version.objects.create(survey=survey, number=newest.number + 1 if newest else 1, created_at=now)
    if newest is not None:
        _copy(newest, version)
    audit.record(
        by=by, action="draft_survey", subject=f"survey:{survey.pk}", details={"version": version.number}, now=now
    )
    return version


def _copy(source: Version, target: Version) -> None:
    for question in Question.objects.filter(version=source).prefetch_related("choices"):
        choices = list(question.choices.all())
        question.pk, question.version, question._state.adding = None, target, True
        question.save()
        for choice in choices:
            choice.pk, choice.question, choice._state.adding = None, question, True
        Choice.objects.bulk_create(choices)


def problems(version: Version) -> list[ScriptProblem]:
    """Everything that is in the way of publishing."""
    return flow.problems(scripts.of(version), languages=version.survey.languages)


def check(version: Version) -> None:
    """Raises NotPublishable."""
    if wrong := problems(version):
        raise NotPublishable(what="; ".join(str(one) for one in wrong))


@transaction.atomic
def publish(*, version: Version, by: str, now: datetime) -> Version:
    """Freeze the questions; from now on they are what is asked. Raises NotPublishable or Frozen."""
    version = Version.objects.select_for_update(of=["self"]).select_related("survey").get(pk=version.pk)
    if version.published_at is not None:
        raise Frozen
    check(version)
    version.published_at, version.published_by = now, by
    version.save(update_fields=["published_at", "published_by"])
    audit.record(
        by=by,
        action="publish_survey",
        subject=f"survey:{version.survey_id}",
        details={"version": version.number},
        now=now,
    )
    return version


def require_unfrozen(version: Version) -> None:
    """Raise Frozen when its questions are published."""
    if version.published_at is not None:
        raise Frozen
