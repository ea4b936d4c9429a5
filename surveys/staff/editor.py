"""The editor: the questions of a survey's draft, one at a time, with the telephone beside it as one types."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import trigger_client_event

from core.lib import clock
from core.lib.errors import Refusal
from core.lib.numbers import whole
from core.staff.pages import StaffRequest, framed, page
from core.staff.state_actions import StateAction, refusals_told
from surveys.models import Question, Survey, Version
from surveys.questionnaire import editing, flow, scripts
from surveys.questionnaire.flow import Script
from surveys.questionnaire.items import Item
from surveys.staff import flow_map, preview
from surveys.staff.common import SEE, WRITE, counted_problems, draft_or_404, survey_or_404, versions_of
from surveys.staff.question_context import Place, in_short
from surveys.staff.question_draft import QuestionDraft
from surveys.staff.questions import CHOSEN, RANGED, Kind, RowForm


@page(SEE)
@require_safe
def questions(request: StaffRequest, survey_id: int) -> HttpResponse:
    """The questions of the draft, else of the version being asked; `version` in the address chooses another."""
    survey = survey_or_404(survey_id)
    versions = versions_of(survey)
    version = _chosen(versions, request.GET.get("version", ""))
    script = scripts.of(version) if version else Script(())
    problems = counted_problems(version) if version and version.published_at is None else []
    return framed(
        request,
        "surveys/questions.html",
        title=_("Questions: %(survey)s") % {"survey": survey},
        survey=survey,
        version=version,
        versions=versions,
        draft=next((one for one in versions if one.published_at is None), None),
        drawing=flow_map.drawn(script),
        ways=flow_map.ways(script, survey.languages),
        problems=problems,
        may_write=request.user.has_perm(WRITE) and survey.state not in (Survey.State.FINISHED, Survey.State.CANCELLED),
    )


def _chosen(versions: Sequence[Version], wanted: str) -> Version | None:
    """The version of this number; else the draft, else the newest."""
    for one in versions:
        if str(one.number) == wanted:
            return one
    return versions[0] if versions else None


def _place(survey: Survey, version: Version, question: Question) -> Place:
    version.survey = survey
    question.version = version
    return Place(survey, version, question, editing.published_values(survey, question.code))


def _question(version: Version, code: str) -> Question:
    return get_object_or_404(Question, version=version, code=code)


@page(SEE, WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: StaffRequest, survey_id: int) -> HttpResponse:
    """A question more, at the end."""
    survey = survey_or_404(survey_id)
    version = draft_or_404(survey)
    return _write(request, _place(survey, version, _fresh(survey, version)))


def _fresh(survey: Survey, version: Version) -> Question:
    return Question(version=version, kind=Kind.SINGLE, code=editing.next_code(survey))


@page(SEE, WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def one(request: StaffRequest, survey_id: int, code: str) -> HttpResponse:
    """A question of the draft, changed."""
    survey = survey_or_404(survey_id)
    version = draft_or_404(survey)
    return _write(request, _place(survey, version, _question(version, code)))


def _write(request: StaffRequest, place: Place) -> HttpResponse:
    """Show the form; take a row in or out of it; or save."""
    if request.method != "POST":
        return _form(request, place, QuestionDraft.of_question(place))
    written = QuestionDraft.of_post(place, request.POST)
    focused = _changed_rows(written, request)
    if focused is not None:
        return _form(request, place, written, focused=focused)
    main, rows = written.forms(is_bound=True)
    is_valid = all([form.is_valid() for form in (main, *rows)])  # noqa: C419 - every one tells what is wrong
    if is_valid and written.is_too_long():
        main.add_error(None, _("There are no keys left for more choices."))
        is_valid = False
    if not is_valid:
        return _form(request, place, written, forms=(main, rows), status=422)
    question, choices = written.filled(main, rows)
    seen = request.POST.get("seen")
    try:
        question = editing.save(question=question, choices=choices, by=request.by, now=clock.now(), seen=seen)
    except editing.ChangedMeanwhile as refusal:
        main.add_error(None, str(refusal))
        return _form(request, place, written, forms=(main, rows), seen=editing.state_of(place.question), status=409)
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect("survey:questions", place.survey.pk)
    messages.success(request, _("Question %(code)s is saved.") % {"code": question.code})
    if "next" in request.POST:
        return redirect("survey:new_question", place.survey.pk)
    return redirect("survey:questions", place.survey.pk)


def _changed_rows(written: QuestionDraft, request: StaffRequest) -> int | None:
    """Take a row in or out, when the form was sent for that; the row to go on with (-1: none), None when it was not."""
    if "add" in request.POST:
        return written.add_row()
    if "remove" in request.POST:
        number = whole(request.POST["remove"])
        written.remove_row(-1 if number is None else number)
        return max(0, min(number or 0, len(written.rows) - 1))
    if "raise" in request.POST:
        place = whole(request.POST["raise"]) or 0
        written.raise_row(place)
        return max(0, min(place, len(written.rows)) - 1)
    if "redraw" in request.POST:
        written.drop_what_is_empty()
        return -1
    return None


def _form(
    request: StaffRequest,
    place: Place,
    written: QuestionDraft,
    *,
    forms: tuple[Any, list[RowForm]] | None = None,
    focused: int = -1,
    seen: str | None = None,
    status: int = 200,
) -> HttpResponse:
    if seen is None:
        seen = request.POST.get("seen", "") if request.method == "POST" else editing.state_of(place.question)
    main, rows = forms or written.forms(is_bound=False)
    is_new = place.question.pk is None
    context = {
        "survey": place.survey,
        "version": place.version,
        "question": place.question,
        "is_new": is_new,
        "seen": seen,
        "main": main,
        "texts": [main[f"text_{code}"] for code in place.languages],
        "rows": [_shown(row, number, written, place, focused) for number, row in enumerate(rows)],
        "kind": written.kind,
        "is_chosen": written.kind in CHOSEN,
        "is_ranged": written.kind in RANGED,
        "is_kept": place.published_value is not None,
        "kind_label": Kind(written.kind).label,
        "may_add": written.kind not in (Kind.TEXT, Kind.YES_NO),
    }
    if request.htmx:
        return trigger_client_event(render(request, "surveys/fields.html", context), "redrawn")
    title = _("New question") if is_new else _("Question %(code)s") % {"code": place.question.code}
    return framed(request, "surveys/question.html", title=title, status=status, **context)


def _shown(row: RowForm, number: int, written: QuestionDraft, place: Place, focused: int) -> dict[str, Any]:
    """A row for the template: what it is called, its fields, whether it is gone on with."""
    names = {
        Kind.YES_NO: {0: _("Yes"), 1: _("No")}.get(number, ""),
        Kind.NUMBER: _("Range %(number)s") % {"number": number + 1},
        Kind.SCALE: _("Range %(number)s") % {"number": number + 1},
    }
    name = names.get(Kind(written.kind)) or _("Choice %(number)s") % {"number": number + 1}
    texts = [row[f"text_{code}"] for code in place.languages] if written.kind in CHOSEN else []
    first = row["low"] if written.kind in RANGED else (texts[0] if texts else row["then"])
    if number == focused:
        first.field.widget.attrs["autofocus"] = True
    return {
        "name": name,
        "number": number,
        "form": row,
        "texts": texts,
        "may_raise": written.kind in CHOSEN and place.published_value is None and number > 0,
        "may_remove": written.kind in RANGED or (written.kind in CHOSEN and len(written.rows) > 2),
    }


@page(SEE, WRITE)
@require_POST  # the form may be longer than an address; nothing is saved
def show(request: StaffRequest, survey_id: int) -> HttpResponse:
    """The question of the form as it will be asked, and what is wrong with it; a piece of the page."""
    survey = survey_or_404(survey_id)
    version = draft_or_404(survey)
    code = request.POST.get("code", "").replace("\0", "")[:20]
    found = Question.objects.filter(version=version, code=code).first() if code else None
    place = _place(survey, version, found or _fresh(survey, version))
    item = QuestionDraft.of_post(place, request.POST).item()
    script = _with(scripts.of(version), item)
    wrong = [one.what for one in flow.problems(script, languages=place.languages) if one.code == item.code]
    if found is None and not any(item.texts.values()):
        wrong = []  # nothing is typed yet: that it is missing need not be told
    is_first = script.first.code == item.code
    phones = preview.of(item, place.languages, is_first=is_first)
    return render(request, "surveys/phones.html", {"phones": phones, "wrong": wrong})


def _with(script: Script, item: Item) -> Script:
    """The draft with this question in its place, or at its end."""
    if item.code not in script.by_code:
        return Script((*script.items, item))
    return Script(tuple(item if one.code == item.code else one for one in script.items))


@page(SEE, WRITE)
@require_POST
def move(request: StaffRequest, survey_id: int, code: str) -> HttpResponse:
    """One place up or down; the page comes back at that question."""
    survey = survey_or_404(survey_id)
    question = _question(draft_or_404(survey), code)
    with refusals_told(request):
        editing.move(question=question, is_up=request.POST.get("to") == "up", by=request.by, now=clock.now())
    return redirect(f"{reverse('survey:questions', args=[survey.pk])}#{code}")


def _what_deleting_does(question: Question) -> str:
    leading = editing.leading_to(question.version, question.code)
    if not leading:
        return _("Nothing leads to it by name.")
    return _("These lead to it and will lead to the next question instead: %(codes)s.") % {"codes": ", ".join(leading)}


def _delete(*, question: Question, **who: Any) -> str:
    """Say what was done."""
    changed = editing.delete(question=question, **who)
    done = [_("Question %(code)s is deleted.") % {"code": question.code}]
    if changed:
        done.append(_("They lead to the next question now: %(codes)s.") % {"codes": ", ".join(changed)})
    return " ".join(done)


DELETE = StateAction(
    operation=_delete,
    does=gettext_lazy("Delete the question"),
    what=_what_deleting_does,
    done=str,
    is_dangerous=True,
)


@page(SEE, WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: StaffRequest, survey_id: int, code: str) -> HttpResponse:
    """Delete it; what led to it leads to the next one."""
    survey = survey_or_404(survey_id)
    question, back = _question(draft_or_404(survey), code), reverse("survey:questions", args=[survey.pk])
    return DELETE.run(request, back=back, about=in_short(question), question=question)
