"""What is done to the questions of a version that is being written; a published one refuses (drafting.Frozen)."""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Max, Model
from django.utils.translation import gettext_lazy as _

from core.access import audit
from core.lib.errors import Refusal
from surveys.models import Choice, Question, Survey, Version
from surveys.questionnaire import drafting

_CODE = re.compile(r"q([0-9]{1,6})")


class ChangedMeanwhile(Refusal):
    """Somebody else has saved this question since it was opened."""

    code = "question_changed_meanwhile"
    sentence = _(
        "Somebody has changed this question since you opened it. What you wrote is below and not saved: look at the"
        " question in another window, then save again to put yours in its place."
    )


def state_of(question: Question) -> str:
    """A digest of the question as it is saved, with its choices; "" when it is not."""
    rows = list(Question.objects.filter(pk=question.pk).values_list(*_said_by(Question)))
    if not rows:
        return ""
    choices = list(Choice.objects.filter(question_id=question.pk).order_by("value").values_list(*_said_by(Choice)))
    return hashlib.sha256(json.dumps([rows, choices], default=str).encode()).hexdigest()[:32]


def _said_by(model: type[Model]) -> list[str]:
    """The columns that people write."""
    ours = {"id", "position", "version_id", "question_id"}
    return [field.attname for field in model._meta.concrete_fields if field.attname not in ours]


def next_code(survey: Survey) -> str:
    """A code that no version of the survey has had, so that results are never read together by mistake."""
    codes = Question.objects.filter(version__survey=survey).values_list("code", flat=True)
    numbers = [int(found[1]) for code in set(codes) if (found := _CODE.fullmatch(code))]
    return f"q{max(numbers, default=0) + 1}"


def published_values(survey: Survey, code: str) -> int | None:
    """The highest key a published question of this code has used, 0 when it had none; None when it was never published.

    Such a question keeps its kind and its keys: answers to it may be there.
    """
    before = Question.objects.filter(version__survey=survey, version__published_at__isnull=False, code=code)
    if not before.exists():
        return None
    return before.aggregate(most=Max("choices__value"))["most"] or 0


def leading_to(version: Version, code: str) -> list[str]:
    """The codes of the questions that name this one, in their order."""
    named = [
        *Question.objects.filter(version=version, then=code).values_list("position", "code"),
        *Choice.objects.filter(question__version=version, then=code).values_list(
            "question__position", "question__code"
        ),
    ]
    return list(dict.fromkeys(found for _position, found in sorted(named) if found != code))


@transaction.atomic
def save(*, question: Question, choices: Sequence[Choice], by: str, now: datetime, seen: str | None = None) -> Question:
    """Keep a question of a draft, new or changed, with these choices.

    `seen` is state_of what the writer saw. Raises Frozen, or ChangedMeanwhile when that is not what stands there.
    """
    version = _locked(question.version_id)
    is_new = question.pk is None
    if seen is not None and not is_new and state_of(question) != seen:
        raise ChangedMeanwhile
    if is_new:
        last = version.questions.aggregate(last=Max("position"))["last"] or 0
        question.code, question.position = next_code(version.survey), last + 1
    question.save()
    question.choices.all().delete()
    for choice in choices:
        choice.question = question
    Choice.objects.bulk_create(choices)
    _record("create_survey_question" if is_new else "change_survey_question", version, question.code, by, now)
    return question


@transaction.atomic
def delete(*, question: Question, by: str, now: datetime) -> list[str]:
    """Delete it; what led to it leads to the next one. Returns the codes of those questions. Raises Frozen."""
    version = _locked(question.version_id)
    changed = leading_to(version, question.code)
    version.questions.filter(then=question.code).update(then="")
    Choice.objects.filter(question__version=version, then=question.code).update(then="")
    question.delete()
    _record("delete_survey_question", version, question.code, by, now)
    return changed


@transaction.atomic
def move(*, question: Question, is_up: bool, by: str, now: datetime) -> bool:
    """Change places with the neighbour; False where there is none. Raises Frozen."""
    version = _locked(question.version_id)
    order = list(version.questions.order_by("position", "id"))
    place = order.index(question)
    other = place + (-1 if is_up else 1)
    if not 0 <= other < len(order):
        return False
    order[place], order[other] = order[other], order[place]
    for position, one in enumerate(order, 1):
        one.position = position
    Question.objects.bulk_update(order, ["position"])
    _record("move_survey_question", version, question.code, by, now)
    return True


def _locked(version_id: int) -> Version:
    """The version, locked against being published meanwhile. Raises Frozen."""
    version = Version.objects.select_for_update(of=["self"]).select_related("survey").get(pk=version_id)
    drafting.require_unfrozen(version)
    return version


def _record(action: str, version: Version, code: str, by: str, now: datetime) -> None:
    audit.record(
        by=by,
        action=action,
        subject=f"survey:{version.survey_id}",
        details={"version": version.number, "question": code},
        now=now,
    )
