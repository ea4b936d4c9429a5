"""The questions of a survey: written one by one, moved, deleted, corrected, published; the telephone beside them."""

import re
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape
from pytest_django import DjangoAssertNumQueries

from core.access.models import AuditEvent
from enrollment.models import Fact, Interest
from surveys.models import Choice, Question, Survey, Version
from surveys.questionnaire import drafting, editing, scripts, wording
from surveys.questionnaire.items import Item, Option
from surveys.staff import flow_map, preview
from tests.surveys.staff.forms import MakeSurvey, Staff, at_now, choice, make_survey, page_of, question

__all__ = ["at_now", "make_survey"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]


@pytest.fixture
def survey(make_survey: MakeSurvey) -> Survey:
    """A draft: drinks (screening), cups, likes, score, why."""
    return make_survey(state="draft")


@pytest.fixture
def empty(make_survey: MakeSurvey) -> Survey:
    """A draft with no question."""
    return make_survey(state="draft", questions=[])


@pytest.fixture
def client(staff: Staff) -> Client:
    return staff("marketing")


def htmx(client: Client, address: str, sent: dict[str, Any]) -> str:
    return client.post(address, sent, headers={"HX-Request": "true"}).content.decode()


def codes(survey: Survey) -> list[str]:
    return list(Question.objects.filter(version=drafting.draft_of(survey)).values_list("code", flat=True))


# -- writing


def test_a_question_is_written_with_what_its_choices_lead_to_and_tell(client: Client, survey: Survey) -> None:
    fact = Fact.objects.create(code="car", label="has a car", values=["yes", "no"])
    coffee = Interest.objects.get(code="coffee")
    rows = (
        choice("Да", then="end", tells=f"{fact.pk}=yes"),
        choice("Нет", interest=str(coffee.pk), then="not_eligible"),
    )

    client.post(page_of(survey, "questions/new/"), question(*rows, is_screening="on"))

    made = Question.objects.get(code="q1")
    first, second = made.choices.all()
    assert (made.position, made.kind, made.is_screening, made.text_kk) == (6, "single", True, "Қай?")
    assert (first.value, first.text_ru, first.then, first.fact, first.fact_value) == (1, "Да", "end", fact, "yes")
    assert (second.value, second.then, second.interest) == (2, "not_eligible", coffee)
    assert AuditEvent.objects.filter(action="create_survey_question", details__question="q1").exists()


@pytest.mark.parametrize(
    ("fields", "rows", "kept"),
    [
        ({"kind": "number", "low": "1", "high": "9"}, [choice(low="1", high="3")], (1, 9, [(1, 1, 3, "")])),
        ({"kind": "scale", "scale": "0-10"}, [choice(low="9", high="10", then="end")], (0, 10, [(1, 9, 10, "end")])),
        ({"kind": "scale", "scale": "1-5"}, [], (1, 5, [])),
        ({"kind": "yes_no"}, [choice(), choice(then="end", value="2")], (None, None, [(2, None, None, "end")])),
        ({"kind": "text", "low": "4"}, [choice("x")], (None, None, [])),
        ({"kind": "several"}, [], (None, None, [(1, None, None, ""), (2, None, None, "")])),
    ],
    ids=["number", "0 to 10", "1 to 5", "yes or no", "text", "several"],
)  # fmt: skip
def test_every_kind_is_kept_as_the_flow_reads_it(
    client: Client, empty: Survey, fields: dict[str, str], rows: list[Any], kept: Any
) -> None:
    client.post(page_of(empty, "questions/new/"), question(*rows, **fields))

    made = Question.objects.get()
    choices = list(made.choices.values_list("value", "low", "high", "then"))
    assert (made.low, made.high, choices) == kept


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"kind": "number", "low": "", "high": "5"}, "This field is required."),
        ({"kind": "number", "low": "5", "high": "5"}, "It must be greater than the smallest."),
        ({"kind": "number", "low": "-1", "high": "5"}, "Numbers from 0 to"),
        ({"kind": "number", "low": "0", "high": "99999999999"}, "Numbers from 0 to"),
        ({"then": "q77"}, "Select a valid choice."),
        ({"text_ru": "ы" * 401}, "at most 400 characters"),
    ],
    ids=["no range", "empty range", "below nothing", "too wide", "nowhere", "long"],
)
def test_what_cannot_be_kept_is_told_at_its_field(
    client: Client, empty: Survey, fields: dict[str, str], why: str
) -> None:
    answer = client.post(page_of(empty, "questions/new/"), question(**fields))

    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert not Question.objects.exists()


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (choice("x" * 81), "at most 80 characters"),
        (choice("x", tells="9=yes"), "Select a valid choice."),
        (choice("x", interest="99999"), "Select a valid choice."),
    ],
    ids=["long", "fact", "interest"],
)
def test_a_choice_that_cannot_be_kept_is_told(client: Client, empty: Survey, row: dict[str, Any], why: str) -> None:
    answer = client.post(page_of(empty, "questions/new/"), question(row, choice("y")))

    assert answer.status_code == 422
    assert why in answer.content.decode()


def test_a_branch_that_ends_before_it_begins_is_told(client: Client, empty: Survey) -> None:
    sent = question(choice(low="4", high="2"), kind="number", low="0", high="9")

    assert "It ends before it begins." in client.post(page_of(empty, "questions/new/"), sent).content.decode()


def test_a_draft_may_be_saved_unfinished_and_its_problems_are_told(client: Client, empty: Survey) -> None:
    page = client.post(
        page_of(empty, "questions/new/"), question(choice(), choice(), text_kk=""), follow=True
    ).content.decode()

    assert Question.objects.get().text_kk == ""
    assert "its text in “kk” is missing" in page
    assert "a choice&#x27;s text in “ru” is missing" in page
    assert "Publish the questions" not in page


def test_a_changed_question_keeps_its_code_and_its_texts_of_languages_not_asked_in(
    client: Client, survey: Survey
) -> None:
    Survey.objects.update(languages=["ru"])
    sent = question(choice("Раф"), choice("Латте"), kind="several", text_ru="Что?", code="likes")

    client.post(page_of(survey, "questions/likes/"), sent)

    changed = Question.objects.get(code="likes")
    assert (changed.text_ru, changed.text_kk) == ("Что?", "Не ұнайды?")
    assert list(changed.choices.values_list("text_ru", flat=True)) == ["Раф", "Латте"]


def test_two_who_write_one_question_see_each_other(client: Client, survey: Survey) -> None:
    """Whoever saves second is told, keeps what was written, and may put it in the other's place."""
    page = page_of(survey, "questions/likes/")
    seen = re.search(r'name="seen" value="([0-9a-f]+)"', client.get(page).content.decode())
    assert seen is not None
    mine, other = (
        question(choice("Раф"), choice("Латте"), kind="several", text_ru=text, code="likes", seen=seen[1])
        for text in ("Моё?", "Чужое?")
    )

    assert client.post(page, other).status_code == 302
    answer = client.post(page, mine)

    told = answer.content.decode()
    assert answer.status_code == 409
    assert "Somebody has changed this question since you opened it" in told
    assert "Моё?" in told
    assert Question.objects.get(code="likes").text_ru == "Чужое?"
    again = re.search(r'name="seen" value="([0-9a-f]+)"', told)
    assert again is not None
    assert client.post(page, {**mine, "seen": again[1]}).status_code == 302
    assert Question.objects.get(code="likes").text_ru == "Моё?"


def test_what_somebody_has_deleted_is_not_silently_made_again(client: Client, survey: Survey) -> None:
    page = page_of(survey, "questions/likes/")
    client.post(page_of(survey, "questions/likes/delete/"))

    assert client.post(page, question(choice("Раф"), choice("Латте"), code="likes", seen="x")).status_code == 404


def test_codes_are_given_once_and_never_again(client: Client, empty: Survey) -> None:
    for _number in range(3):
        client.post(page_of(empty, "questions/new/"), question())
    client.post(page_of(empty, "questions/q2/delete/"))
    client.post(page_of(empty, "questions/new/"), question())

    assert codes(empty) == ["q1", "q3", "q4"]


def test_save_and_write_another_goes_on_with_a_new_one(client: Client, empty: Survey) -> None:
    answer = client.post(page_of(empty, "questions/new/"), question(next="1"))

    assert answer.headers["Location"] == page_of(empty, "questions/new/")


# -- rows, without and with htmx


def test_a_row_is_added_and_gone_on_with_and_nothing_is_saved(client: Client, empty: Survey) -> None:
    page = htmx(client, page_of(empty, "questions/new/"), question(choice("Чай"), choice("Кофе"), add="1"))

    assert 'name="row-2-text_kk"' in page
    assert "autofocus" in page.split('name="row-2-text_kk"')[1].split(">")[0]
    assert 'value="Кофе"' in page  # what was typed stays
    assert "<html" not in page
    assert not Question.objects.exists()


def test_a_row_is_taken_out_and_the_others_stay(client: Client, empty: Survey) -> None:
    rows = (choice("Чай"), choice("Кофе"), choice("Сок"))

    page = htmx(client, page_of(empty, "questions/new/"), question(*rows, remove="1"))

    assert 'value="Чай"' in page
    assert 'value="Сок"' in page
    assert 'value="Кофе"' not in page
    assert 'name="row-2-text_kk"' not in page


def test_choices_change_places_and_take_their_texts_along(client: Client, survey: Survey) -> None:
    """Texts of languages not asked in too; what was published keeps its keys, and so its order."""
    Survey.objects.update(languages=["ru"])
    page = page_of(survey, "questions/likes/")
    before = list(Choice.objects.filter(question__code="likes").values_list("text_ru", "text_kk"))
    rows = [choice(ru, value=str(number)) for number, (ru, _kk) in enumerate(before, 1)]
    sent = question(*rows, kind="several", text_ru="Что?", code="likes")

    moved = htmx(client, page, {**sent, "raise": "1"})

    shown = re.findall(r'name="row-\d+-text_ru"[^>]*value="([^"]*)"|name="row-\d+-value" value="(\d+)"', moved)
    assert [value for _text, value in shown if value][:2] == ["2", "1"]
    first, second, *rest = rows
    client.post(page, question(second, first, *rest, kind="several", text_ru="Что?", code="likes"))
    after = list(Choice.objects.filter(question__code="likes").order_by("value").values_list("text_ru", "text_kk"))
    assert after == [before[1], before[0], *before[2:]]


def test_published_choices_have_no_other_place(client: Client, make_survey: MakeSurvey, now: datetime) -> None:
    survey = make_survey()
    drafting.new_draft(survey=survey, by="x", now=now)

    assert 'name="raise"' not in client.get(page_of(survey, "questions/likes/")).content.decode()


def test_rows_change_without_scripts_too(client: Client, empty: Survey) -> None:
    page = client.post(page_of(empty, "questions/new/"), question(add="1")).content.decode()

    assert "<html" in page
    assert 'name="row-2-text_kk"' in page
    assert not Question.objects.exists()


@pytest.mark.parametrize(
    ("kind", "shown", "hidden"),
    [
        ("number", 'name="low"', 'name="row-0-text_kk"'),
        ("scale", 'name="scale"', 'name="low"'),
        ("yes_no", "<legend>No</legend>", 'name="add"'),
        ("text", 'name="then"', 'name="row-0-then"'),
    ],
)
def test_another_kind_has_other_fields(client: Client, empty: Survey, kind: str, shown: str, hidden: str) -> None:
    page = htmx(client, page_of(empty, "questions/new/"), question(kind=kind, redraw="1"))

    assert shown in page
    assert hidden not in page


def test_no_more_rows_than_there_are_keys(client: Client, empty: Survey) -> None:
    page = htmx(client, page_of(empty, "questions/new/"), question(*[choice("x")] * 60, add="1"))

    assert 'name="row-59-text_kk"' in page
    assert 'name="row-60-text_kk"' not in page


# -- order


def test_questions_change_places(client: Client, survey: Survey) -> None:
    client.post(page_of(survey, "questions/likes/move/"), {"to": "up"})
    client.post(page_of(survey, "questions/drinks/move/"), {"to": "up"})  # the first stays
    client.post(page_of(survey, "questions/score/move/"), {"to": "down"})

    assert codes(survey) == ["drinks", "likes", "cups", "why", "score"]


def test_a_deletion_asks_first_and_says_what_led_there(client: Client, survey: Survey) -> None:
    asked = client.get(page_of(survey, "questions/score/delete/")).content.decode()
    between = codes(survey)
    page = client.post(page_of(survey, "questions/score/delete/"), follow=True).content.decode()

    assert "will lead to the next question instead: cups" in asked
    assert "score" in between
    assert codes(survey) == ["drinks", "cups", "likes", "why"]
    assert Choice.objects.get(question__code="cups").then == ""
    assert "They lead to the next question now: cups." in page


def test_a_target_that_was_moved_before_its_question_stays_and_is_told(client: Client, survey: Survey) -> None:
    for _step in range(3):
        client.post(page_of(survey, "questions/score/move/"), {"to": "up"})

    page = client.get(page_of(survey, "questions/cups/")).content.decode()

    assert "(stands before it)" in page
    assert "it can come round again without end" in client.get(page_of(survey, "questions/")).content.decode()


def test_only_later_questions_and_ends_can_be_led_to(client: Client, survey: Survey) -> None:
    page = client.get(page_of(survey, "questions/likes/")).content.decode()

    assert '<option value="score">' in page
    assert '<option value="not_eligible">' in page
    assert '<option value="drinks">' not in page


# -- publishing and correcting


def test_publishing_asks_and_says_what_it_means(client: Client, survey: Survey) -> None:
    asked = client.get(page_of(survey, "questions/publish/")).content.decode()
    between = drafting.draft_of(survey)
    client.post(page_of(survey, "questions/publish/"))

    assert "These questions can no longer be changed; a correction is a new version." in asked
    assert between is not None
    assert drafting.draft_of(survey) is None
    assert Version.objects.get().published_by == "staff:marketing"


@pytest.mark.parametrize("method", ["get", "post"])
def test_what_is_not_finished_is_not_published(client: Client, empty: Survey, method: str) -> None:
    page = getattr(client, method)(page_of(empty, "questions/publish/"), follow=True).content.decode()

    assert "there is no question yet" in page
    assert drafting.draft_of(empty) is not None


def test_a_published_version_is_shown_and_cannot_be_changed(client: Client, make_survey: MakeSurvey) -> None:
    survey = make_survey()

    page = client.get(page_of(survey, "questions/")).content.decode()
    written = client.post(page_of(survey, "questions/likes/"), question(kind="several"))

    assert "Correct: make a new version" in page
    assert page_of(survey, "questions/likes/") not in page
    assert written.status_code == 404


def test_the_operations_refuse_a_published_version(make_survey: MakeSurvey, now: datetime) -> None:
    make_survey()
    found = Question.objects.get(code="likes")

    for act in (
        lambda: editing.save(question=found, choices=[], by="staff:x", now=now),
        lambda: editing.delete(question=found, by="staff:x", now=now),
        lambda: editing.move(question=found, is_up=True, by="staff:x", now=now),
    ):
        with pytest.raises(drafting.Frozen):
            act()
    assert found.choices.count() == 3


def test_a_correction_is_a_new_version_with_the_same_codes_kinds_and_keys(
    client: Client, make_survey: MakeSurvey
) -> None:
    survey = make_survey()
    client.post(page_of(survey, "questions/correct/"))
    rows = (choice("Раф", value="3"), choice("Матча"), choice("Латте", value="1"))

    page = client.get(page_of(survey, "questions/likes/")).content.decode()
    client.post(page_of(survey, "questions/likes/"), question(*rows, kind="single", code="likes"))

    draft = drafting.draft_of(survey)
    changed = Question.objects.get(version=draft, code="likes")
    assert draft is not None
    assert draft.number == 2
    assert "its kind and its keys stay" in page
    assert changed.kind == "several"  # whatever is posted
    # 2 was espresso: nothing else is ever called 2
    assert list(changed.choices.values_list("value", "text_ru")) == [(1, "Латте"), (3, "Раф"), (4, "Матча")]
    assert [one.text_ru for one in Choice.objects.filter(question__version__number=1, question__code="likes")] == [
        "Латте", "Эспрессо", "Раф"
    ]  # fmt: skip


def test_a_key_that_is_no_key_of_the_question_is_not_believed(client: Client, make_survey: MakeSurvey) -> None:
    survey = make_survey()
    client.post(page_of(survey, "questions/correct/"))
    rows = (choice("Раф", value="3"), choice("Латте", value="3"), choice("Чай", value="50"))

    client.post(page_of(survey, "questions/likes/"), question(*rows, kind="several", code="likes"))

    changed = Question.objects.get(version=drafting.draft_of(survey), code="likes")
    assert list(changed.choices.values_list("value", flat=True)) == [3, 4, 5]


def test_nothing_is_corrected_when_the_survey_is_over(client: Client, make_survey: MakeSurvey, now: datetime) -> None:
    survey = make_survey()
    client.post(page_of(survey, "do/cancel/"))

    page = client.post(page_of(survey, "questions/correct/"), follow=True).content.decode()

    assert "The survey is over" in page
    assert survey.versions.count() == 1


def test_an_older_version_can_be_read(client: Client, make_survey: MakeSurvey, now: datetime) -> None:
    survey = make_survey()
    draft = drafting.new_draft(survey=survey, by="staff:x", now=now)
    Question.objects.filter(version=draft, code="why").delete()

    newest = client.get(page_of(survey, "questions/")).content.decode()
    older = client.get(page_of(survey, "questions/?version=1")).content.decode()

    assert 'id="why"' not in newest
    assert 'id="why"' in older


# -- the map


def test_the_map_tells_every_way(survey: Survey) -> None:
    script = scripts.of(Version.objects.get())

    told = {
        stop.item.code: [(way.answer, way.target) for way in stop.ways]
        for stop in flow_map.ways(script, survey.languages)
    }

    assert told == {
        "drinks": [("2 No", "not_eligible"), ("", "cups")],
        "cups": [("0", "score"), ("", "likes")],
        "likes": [("", "score")],
        "score": [("9–10", "end"), ("", "why")],
        "why": [("", "end")],
    }


def test_the_drawing_has_a_box_a_question_and_an_arrow_a_way(client: Client, survey: Survey) -> None:
    page = client.get(page_of(survey, "questions/")).content.decode()

    assert page.count("<rect") == 5
    kinds = [line.kind for line in flow_map.drawn(scripts.of(Version.objects.get())).lines]
    assert sorted(kinds) == ["end", "end", "jump", "next", "next", "next", "next", "not_eligible"]


def test_the_editors_pages_ask_no_more_queries_for_more_questions(
    client: Client, make_survey: MakeSurvey, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    texts = {"kk": "А", "ru": "Б", "en": "C"}
    rows = [{"value": n, "text_kk": "а", "text_ru": "б", "text_en": "c"} for n in range(1, 11)]
    survey = make_survey(state="draft", questions=[(f"q{n}", "single", texts, rows, {}) for n in range(1, 31)])

    with django_assert_max_num_queries(11):
        client.get(page_of(survey, "questions/"))
    with django_assert_max_num_queries(15):
        client.get(page_of(survey, "questions/q5/"))
    with django_assert_max_num_queries(11):
        client.post(page_of(survey, "questions/preview/"), question(code="q5"))


# -- the preview


LONG = "Қазақстандағы кофеханалардың қайсысына жиі барасыз және неге дәл соны таңдайсыз? " * 2


def test_the_preview_shows_the_screens_as_the_engine_cuts_them_and_saves_nothing(
    client: Client, survey: Survey
) -> None:
    sent = question(choice("Бір"), choice("Екі"), text_kk=LONG.strip(), text_en="Which?")

    page = client.post(page_of(survey, "questions/preview/"), sent).content.decode()

    item = Item(
        0, "q1", "single", {"kk": LONG.strip(), "ru": "Какой?", "en": "Which?"},
        tuple(Option(n, dict.fromkeys(("kk", "ru", "en"), text)) for n, text in ((1, "Бір"), (2, "Екі"))),
    )  # fmt: skip
    for language in ("kk", "ru", "en"):
        cut = wording.pages(item, language, is_first=False)
        for number, text in enumerate(cut, 1):
            assert f">{escape(text)}</div>" in page
            measured = preview.measured(text)
            place = f"{number}/{len(cut)} · " if len(cut) > 1 else ""
            told = f"{place}{measured.encoding}: {measured.used} of {measured.most} characters"
            assert told in page
        assert escape(wording.spoken(item, language)) in page
    assert len(wording.pages(item, "kk", is_first=False)) > 1
    assert Question.objects.count() == 5


@pytest.mark.parametrize(
    ("text", "encoding", "used", "most"),
    [("Which?", "GSM-7", 6, 182), ("Price €", "GSM-7", 8, 182), ("Қай?", "UCS-2", 4, 80)],
    ids=["gsm", "extension", "cyrillic"],
)
def test_a_screen_is_measured(text: str, encoding: str, used: int, most: int) -> None:
    assert preview.measured(text) == preview.PreviewScreen(text, encoding, used, most)


def test_the_first_question_has_no_way_back(client: Client, survey: Survey) -> None:
    first = question(choice(value="1"), choice(value="2"), kind="yes_no", code="drinks")

    assert "00 Back" not in client.post(page_of(survey, "questions/preview/"), first).content.decode()
    assert "00 Back" in client.post(page_of(survey, "questions/preview/"), question()).content.decode()


def test_the_preview_says_what_is_wrong_as_one_types(client: Client, survey: Survey) -> None:
    sent = question(choice("Да", then="not_eligible"), choice("Нет"), text_kk="")

    page = client.post(page_of(survey, "questions/preview/"), sent).content.decode()

    assert "its text in “kk” is missing" in page
    assert "only a screening question may end as not eligible" in page


def test_the_preview_says_that_a_call_cannot_ask_for_words(client: Client, survey: Survey) -> None:
    page = client.post(page_of(survey, "questions/preview/"), question(kind="text")).content.decode()

    assert "A call cannot ask this" in page


@pytest.mark.parametrize(
    "sent",
    [
        {"kind": "number", "low": "x", "high": ""},
        {"kind": "scale", "scale": "a-b"},
        {"kind": "nonsense"},
        {"rows": "999999999999"},
        {"rows": "-1", "kind": "\0", "code": "\0"},
        {"kind": "number", "rows": "1", "row-0-low": "9", "row-0-high": "ы"},
        {},
    ],
    ids=["number", "scale", "kind", "rows", "zero", "range", "nothing"],
)
def test_the_preview_bears_whatever_is_typed(client: Client, survey: Survey, sent: dict[str, str]) -> None:
    assert client.post(page_of(survey, "questions/preview/"), sent).status_code == 200


def test_what_is_typed_is_shown_as_text(client: Client, survey: Survey) -> None:
    sent = question(text_ru="<script>alert(1)</script>")

    assert "<script>" not in client.post(page_of(survey, "questions/preview/"), sent).content.decode()


def test_nothing_is_called_wrong_before_anything_is_typed(client: Client, survey: Survey) -> None:
    blank = question(choice(), choice(), text_kk="", text_ru="", text_en="")

    assert "is missing" not in client.post(page_of(survey, "questions/preview/"), blank).content.decode()
