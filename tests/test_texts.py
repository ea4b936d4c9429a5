"""Every text a person may read is there in Kazakh and Russian (J8)."""

from io import BytesIO
from pathlib import Path

import django
import pytest
import unfold
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from django.utils.translation.template import templatize
from django.utils.translation.trans_real import translation

from smart.local import catalogues

UNFOLD = Path(unfold.__file__).parent
DJANGO = Path(django.__file__).parent
# Parts of unfold that this back office has no page of: nested inlines, data sets, money, sliders, forms by crispy.
NOT_SHOWN = {
    "Dataset not found. No action performed.",
    "Not enough data.",
    "Select currency",
    "You can not create nested object without parent",
}
MARKED = {**catalogues.KEYWORDS, "ngettext": (1, 2)}


def in_unfold() -> set[str]:
    """Every msgid that unfold's own pages ask for."""
    found: set[str] = set()
    for path in [*UNFOLD.glob("*.py"), *UNFOLD.glob("mixins/*.py"), *UNFOLD.glob("templatetags/*.py")]:
        found |= marked(path.read_bytes())
    for path in (UNFOLD / "templates").rglob("*.html"):
        if "unfold_crispy" not in path.parts:
            found |= marked(f"({templatize(path.read_text(encoding='utf-8'))})".encode())  # indented as it is
    return found - NOT_SHOWN


def marked(code: bytes) -> set[str]:
    """The first form of each msgid in Python code."""
    return {
        found[0] if isinstance(found, tuple) else found
        for _line, found, _comments, _context in extract("python", BytesIO(code), MARKED)
        if found
    }


def test_every_message_that_is_used_is_translated() -> None:
    assert catalogues.missing() == set()


def test_no_translation_is_empty_and_none_is_left_over() -> None:
    messages = catalogues.messages()

    assert {msgid for msgid, texts in messages.items() if not (texts.get("kk") and texts.get("ru"))} == set()
    assert set(messages) - catalogues.used() == set()


def test_translations_keep_their_placeholders() -> None:
    for msgid, texts in catalogues.messages().items():
        forms = {msgid.split(catalogues.PLURAL)[0].count("%(")}
        for text in texts.values():
            assert {form.count("%(") for form in text.split(catalogues.PLURAL)} == forms, msgid


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_the_back_office_says_nothing_in_another_language(language: str) -> None:
    """Without its own text a page of unfold's falls back to Russian, or to English."""
    own = translation(language)._catalog

    assert {msgid for msgid in in_unfold() if own.get(msgid) is None and (own.get((msgid, 0))) is None} == set()


def test_what_is_translated_for_the_libraries_is_what_they_ask_for() -> None:
    asked = in_unfold()
    for app in ("contrib/admin", "contrib/auth"):
        with (DJANGO / app / "locale/en/LC_MESSAGES/django.po").open("rb") as file:
            asked |= {message.id[0] if isinstance(message.id, tuple) else message.id for message in read_po(file)}

    assert {msgid.split(catalogues.PLURAL)[0] for msgid in catalogues.of_libraries()} - asked == set()
