"""What a key means and what follows it; everything that must be mended before a survey is published."""

import pytest
from django.utils import translation

from surveys.models import Question
from surveys.questionnaire import flow
from surveys.questionnaire.flow import BadKey, Given, Script
from surveys.questionnaire.items import Item, Option

Kind = Question.Kind
TEXTS = {"kk": "Сұрақ?", "ru": "Вопрос?", "en": "Question?"}


def item(code="q1", kind=Kind.SINGLE, *, options=None, **more):
    if options is None:
        options = [option(1), option(2)] if kind in (Kind.SINGLE, Kind.SEVERAL) else []
    low, high = {Kind.NUMBER: (1, 100), Kind.SCALE: (0, 10)}.get(kind, (None, None))
    given = {"id": 1, "texts": TEXTS, "options": tuple(options), "low": low, "high": high} | more
    return Item(code=code, kind=kind, **given)


def option(value, **more):
    return Option(value=value, texts={"kk": "А", "ru": "А", "en": "A"}, **more)


def wrong(*items, languages=("kk", "ru", "en")):
    with translation.override("en"):
        return [str(problem) for problem in flow.problems(Script(items), languages=languages)]


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        (Kind.SINGLE, "2", 2), (Kind.SINGLE, " 1 ", 1), (Kind.YES_NO, "1", 1), (Kind.SEVERAL, "1 2", 0b110),
        (Kind.SEVERAL, "12", 0b110), (Kind.SEVERAL, "2,1,2", 0b110), (Kind.SEVERAL, "2", 0b100),
        (Kind.NUMBER, "100", 100), (Kind.NUMBER, "007", 7), (Kind.SCALE, "0", 0), (Kind.SCALE, "10", 10),
    ],
)  # fmt: skip
def test_keys_that_answer(kind, key, value):
    assert flow.read(item(kind=kind), key) == Given(value=value)


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (Kind.SINGLE, "3"), (Kind.SINGLE, ""), (Kind.SINGLE, "1 2"), (Kind.YES_NO, "3"), (Kind.YES_NO, "да"),
        (Kind.SEVERAL, "3"), (Kind.SEVERAL, ""), (Kind.SEVERAL, "1 x"), (Kind.SEVERAL, "-1"), (Kind.NUMBER, "0"),
        (Kind.NUMBER, "101"), (Kind.NUMBER, "1.5"), (Kind.NUMBER, "٣"), (Kind.NUMBER, "9" * 30), (Kind.SCALE, "-1"),
        (Kind.SCALE, "11"), (Kind.TEXT, "  "),
    ],
)  # fmt: skip
def test_keys_that_do_not(kind, key):
    with pytest.raises(BadKey) as bad:
        flow.read(item(kind=kind), key)
    assert bad.value.hint


def test_ten_choices_are_keyed_apart():
    many = item(kind=Kind.SEVERAL, options=[option(value) for value in range(1, 13)])

    assert flow.read(many, "1 12") == Given(value=1 << 1 | 1 << 12)
    assert flow.read(many, "12") == Given(value=1 << 12)


def test_a_text_is_kept_short_and_on_one_line():
    assert flow.read(item(kind=Kind.TEXT), " да \n нет " + "о" * 300).text == "да нет " + "о" * (flow.MOST_TEXT - 7)


@pytest.mark.parametrize(
    ("asked", "given", "follows"),
    [
        (item(options=[option(1, then="q9"), option(2)]), Given(1), "q9"),
        (item(options=[option(1, then="q9"), option(2)]), Given(2), "q2"),
        (item(kind=Kind.SEVERAL, options=[option(1), option(2, then="end")]), Given(0b110), "end"),
        (item(kind=Kind.NUMBER, options=[Option(1, low=3, high=5, then="q9")]), Given(5), "q9"),
        (item(kind=Kind.NUMBER, options=[Option(1, low=3, high=5, then="q9")]), Given(6), "q2"),
        (item(kind=Kind.TEXT, then="end"), Given(text="x"), "end"),
        (item(kind=Kind.YES_NO, options=[Option(2, then="not_eligible")]), Given(2), "not_eligible"),
        (item(kind=Kind.YES_NO, options=[Option(2, then="not_eligible")]), Given(1), "q2"),
    ],
)
def test_what_follows(asked, given, follows):
    script = Script((asked, item("q2"), item("q9")))

    assert script.after(asked, given) == follows


def test_after_the_last_is_the_end():
    script = Script((item("q1"), item("q2")))

    assert script.after(script.items[1], Given(1)) == "end"


def test_all_is_well():
    assert (
        wrong(
            item("q1", Kind.YES_NO, options=[Option(2, then="not_eligible")], is_screening=True),
            item("q2", options=[option(1, then="q4"), option(2)]),
            item("q3", Kind.SCALE),
            item("q4", Kind.TEXT),
        )
        == []
    )


@pytest.mark.parametrize(
    ("items", "what"),
    [
        ([], "there is no question yet"),
        ([item(options=[option(1)])], "q1: it needs two choices at least"),
        ([item(options=[option(1, then="q7"), option(2)])], "q1: it leads to a question that does not exist"),
        ([item(options=[option(1, then="not_eligible"), option(2)])],
         "q1: only a screening question may end as not eligible"),
        ([item("end")], "end: this code means an end: choose another"),
        ([item(kind=Kind.YES_NO, options=[Option(3)])], "q1: yes is 1 and no is 2; there is no other choice"),
        ([item(kind=Kind.TEXT, options=[option(1)])], "q1: a text has no choices"),
        ([item(kind=Kind.SCALE, low=1, high=7)], "q1: a scale goes from 1 to 5 or from 0 to 10"),
        ([item(kind=Kind.NUMBER, low=5, high=5)], "q1: its range is empty"),
        ([item(kind=Kind.NUMBER, options=[Option(1)])], "q1: a branch has no range"),
        ([item(kind=Kind.NUMBER, options=[Option(1, low=90, high=101)])], "q1: a branch lies outside the range"),
        ([item(texts={"kk": "А", "ru": " "})], "q1: its text in “ru” is missing"),
        ([item(options=[Option(1, {"kk": "А", "ru": "А"}), option(2)])], "q1: a choice's text in “en” is missing"),
        ([item(texts=TEXTS | {"kk": "Ұ" * 400})], "q1: it takes 6 screens in “kk”: 4 at most"),
        ([item(kind=Kind.SCALE, texts=TEXTS | {"ru": "Ж" * 90})],
         "q1: 0 is an answer, so it must fit one screen in “ru”"),
        ([item("q1", then="end"), item("q2")], "q2: nothing leads to it"),
        ([item("q1"), item("q2", options=[option(1, then="q1"), option(2)])],
         "q1: it can come round again without end"),
        ([item("q1"), item("q2", then="q2")], "q2: it can come round again without end"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(items, what):
    assert what in wrong(*items)


def test_an_unused_language_may_be_missing():
    assert (
        wrong(item(texts={"ru": "Да?"}, options=[Option(1, {"ru": "А"}), Option(2, {"ru": "Б"})]), languages=["ru"])
        == []
    )
