"""What may stand in a message: checked when it is saved, with the place named; filled by name only."""

import pytest

from core.lib import segments
from messaging import outbox, texts
from messaging.models import ServiceText


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", 1),
        ("Чай \ud83d", 5),
        ("Чай\0", 4),
        ("Чай \u202e-20%", 5),
        ("я" * 1001, 1001),
        ("Чай {0.__class__}", 5),
        ("{{7*7}}", 1),
        ("Чай {unit}", 5),
        ("{units", 1),
        ("units}", 6),
        ("{units!r}", 1),
        ("{units.real}", 1),
    ],
    ids=["empty", "surrogate", "NUL", "rtl", "long", "class", "jinja", "unknown", "open", "close", "call", "attr"],
)  # fmt: skip
def test_bad_texts_are_refused_with_the_place_named(text, place):
    with pytest.raises(texts.BadText) as refusal:
        texts.check(text, placeholders=("units",))

    assert refusal.value.details["place"] == place
    assert str(place) in str(refusal.value)


def test_a_values_own_braces_are_text():
    assert texts.fill("{units} до {lapse}", {"units": "{lapse}", "lapse": "{0}"}) == "{lapse} до {0}"


@pytest.mark.parametrize("text", ["Шай «-20%»", "₸ 500 🎁", "a\nb"], ids=str)
def test_good_texts_stay_as_they_are(text):
    assert texts.check(text) == text


@pytest.mark.django_db
def test_a_kind_that_is_switched_off_is_not_sent(make_subscriber, now):
    ServiceText.objects.filter(kind="welcome").update(is_on=False)
    people = [make_subscriber().pk]

    assert outbox.announce(kind="welcome", subscribers=people, values={"units": 500}, origin="w", now=now) == 0


@pytest.mark.parametrize(
    ("text", "encoding", "parts"),
    [
        ("a" * 160, "gsm7", 1),
        ("a" * 161, "gsm7", 2),
        ("€" * 80, "gsm7", 1),
        ("a" * 152 + "€" + "b" * 153, "gsm7", 3),  # the extension's escape is not cut
        ("я" * 70, "ucs2", 1),
        ("я" * 71, "ucs2", 2),
        ("я" * 66 + "🎁" + "я" * 10, "ucs2", 2),
    ],
    ids=["160", "161", "euro", "escape", "70", "71", "surrogates"],
)
def test_segments(text, encoding, parts):
    found, pieces = segments.split(text)

    assert (found, len(pieces)) == (encoding, parts)
    assert "".join(pieces) == text
    assert all(not ("\ud800" <= piece[-1] <= "\udbff") for piece in pieces)
