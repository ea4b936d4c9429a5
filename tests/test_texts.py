"""Every text a person may read is there in Kazakh and Russian (J8), and a .po file says only what is used."""

import gettext
import os
from io import BytesIO
from pathlib import Path

import django
import pytest
import unfold
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import PoFileError, read_po
from django.core.checks import run_checks
from django.utils.translation.template import templatize
from django.utils.translation.trans_real import translation
from pytest_django import Settings

from core.lib import compile_texts
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


def in_unfold() -> set[str]:
    """Every msgid that unfold's own pages ask for."""
    found: set[str] = set()
    for path in [*UNFOLD.glob("*.py"), *UNFOLD.glob("mixins/*.py"), *UNFOLD.glob("templatetags/*.py")]:
        found |= marked(path.read_bytes())
    for path in (UNFOLD / "templates").rglob("*.html"):
        if "unfold_crispy" not in path.parts:
            found |= marked(f"({templatize(path.read_text(encoding='utf-8'))})".encode())  # indented as it is
    return found - NOT_SHOWN


def in_django() -> set[str]:
    """Every msgid of Django's own pages and forms that the back office shows."""
    found: set[str] = set()
    for app in ("contrib/admin", "contrib/auth"):
        with (DJANGO / app / "locale/en/LC_MESSAGES/django.po").open("rb") as file:
            found |= {catalogues.forms(message.id)[0] for message in read_po(file)}
    return found


def marked(code: bytes) -> set[str]:
    """The first form of each msgid in Python code."""
    return {
        catalogues.forms(found)[0]
        for _line, found, _comments, _context in extract("python", BytesIO(code), catalogues.KEYWORDS)
        if found
    }


def po(*texts: tuple[str, str], language: str = "ru") -> Catalog:
    """A catalogue of texts and their translations, each used in one file."""
    catalog = Catalog(locale=language)
    for msgid, text in texts:
        catalog.add(msgid, text, locations=[("messaging/sending/gate.py", 0)])
    return catalog


def strings(catalog: Catalog) -> dict[str, str]:
    """Each text and its translation."""
    return {message.id: message.string or "" for message in catalogues.entries(catalog).values()}


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_a_catalogue_has_every_text_in_use_and_no_other(language: str) -> None:
    content = catalogues.po_file(language).read_bytes()

    assert catalogues.faults(content, language, catalogues.used()) == []


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_the_back_office_says_nothing_in_another_language(language: str) -> None:
    """Without its own text a page of unfold's falls back to Russian, or to English."""
    own = translation(language)._catalog

    assert {msgid for msgid in in_unfold() if own.get(msgid) is None and (own.get((msgid, 0))) is None} == set()


@pytest.mark.parametrize("library", sorted(catalogues.LIBRARIES))
def test_what_is_translated_for_a_library_is_what_it_asks_for(library: str) -> None:
    asked = {"django": in_django, "unfold": in_unfold}[library]()
    catalog = catalogues.read(catalogues.po_file("kk"), "kk")
    translated = {
        key[1] for key, message in catalogues.entries(catalog).items() if (library, None) in message.locations
    }

    assert translated
    assert translated - asked == set()


@pytest.mark.parametrize(
    ("texts", "fault"),
    [
        ([], "lacks 'Send %(count)s', used in messaging/sending/gate.py"),
        ([("Send %(count)s", "")], "not translated: 'Send %(count)s'"),
        ([("Send %(count)s", "Отправить")], "other placeholders than the text's own: 'Send %(count)s'"),
        ([("Send %(count)s", "Отправить %(number)s")], "other placeholders than the text's own: 'Send %(count)s'"),
        ([("Send %(count)s", "Отправить %(count)s"), ("Stop", "Стоп")], "unused: 'Stop'"),
    ],
    ids=["missing", "empty", "no placeholder", "another placeholder", "unused"],
)
def test_a_catalogue_that_is_not_right_is_told_of(texts: list[tuple[str, str]], fault: str) -> None:
    uses = po(("Send %(count)s", ""))

    assert catalogues.faults(catalogues.written(po(*texts)), "ru", uses) == [fault]


def test_a_file_in_another_form_is_told_of_and_renewing_mends_it() -> None:
    uses = po(("Go", ""), ("Stop", ""))
    by_hand = catalogues.written(po(("Stop", "Стоп"), ("Go", "Вперёд")))

    mended = catalogues.written(catalogues.renewed(read_po(BytesIO(by_hand), locale="ru"), uses)[0])

    assert catalogues.faults(by_hand, "ru", uses) == ["not in the form that `make messages` writes"]
    assert catalogues.faults(mended, "ru", uses) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b'msgid "Go"\nmsgstr "\xd0"\n', "invalid continuation byte"), (b'msgid "Go"\n<<<<<<< HEAD\n', "on 1")],
    ids=["no UTF-8", "a conflict left in it"],
)
def test_a_file_that_cannot_be_read_is_told_of(content: bytes, sentence: str) -> None:
    (fault,) = catalogues.faults(content, "ru", po(("Go", "")))

    assert sentence in fault


def test_renewing_keeps_translations_and_comments_and_tells_what_came_and_went() -> None:
    old = po(("Go", "Вперёд"), ("Cancel the order", "Отменить заказ"))
    old["Go"].user_comments = ["on the handset"]

    new, told = catalogues.renewed(old, po(("Go", ""), ("7 days", "")))

    assert strings(new) == {"7 days": "", "Go": "Вперёд"}
    assert new["Go"].user_comments == ["on the handset"]
    assert told == ["gone: 'Cancel the order', which was 'Отменить заказ'", "new: '7 days', to be translated"]


def test_a_text_that_was_reworded_keeps_its_translation_until_somebody_reads_it(tmp_path: Path) -> None:
    uses = po(("Send the message now", ""))

    new, told = catalogues.renewed(po(("Send the message", "Отправить")), uses)

    assert strings(new) == {"Send the message now": "Отправить"}
    assert told[-1].startswith("new: 'Send the message now', to be read")
    assert catalogues.faults(catalogues.written(new), "ru", uses) == [
        "fuzzy, read it and remove the mark: 'Send the message now'"
    ]
    again, told = catalogues.renewed(read_po(BytesIO(catalogues.written(new)), locale="ru"), uses)
    assert (catalogues.written(again), told) == (catalogues.written(new), [])
    folder = tmp_path / "ru" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.po").write_bytes(catalogues.written(again))
    compile_texts.compile_stale(tmp_path)
    with (folder / "django.mo").open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("Send the message now") == "Send the message now"


def test_a_new_english_text_is_its_own_translation() -> None:
    """An empty one would fall back to Russian, the default language."""
    new, _told = catalogues.renewed(po(language="en"), po(("Go", "")))

    assert strings(new) == {"Go": "Go"}


def test_a_library_s_text_stays_though_no_code_of_ours_asks_for_it() -> None:
    old = po()
    old.add("View site", "Открыть сайт", locations=[("unfold", 0)])

    new, told = catalogues.renewed(old, po())

    assert (strings(new), told) == ({"View site": "Открыть сайт"}, [])


def test_what_is_compiled_is_compiled_anew_when_its_source_is_newer(tmp_path: Path) -> None:
    folder = tmp_path / "ru" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    source, compiled = folder / "django.po", folder / "django.mo"
    source.write_bytes(catalogues.written(po(("Go", "Вперёд"))))

    assert compile_texts.compile_stale(tmp_path) == [source]
    assert compile_texts.compile_stale(tmp_path) == []

    source.write_bytes(catalogues.written(po(("Go", "Пуск"))))
    os.utime(source, ns=(0, compiled.stat().st_mtime_ns + 1))
    assert compile_texts.compile_stale(tmp_path) == [source]
    with compiled.open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("Go") == "Пуск"
    assert sorted(path.name for path in folder.iterdir()) == ["django.mo", "django.po"]


def test_a_source_that_cannot_be_read_leaves_what_was_compiled(tmp_path: Path) -> None:
    folder = tmp_path / "ru" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.po").write_bytes(b'msgid "Go"\n<<<<<<< HEAD\n')
    (folder / "django.mo").write_bytes(b"as it was")
    os.utime(folder / "django.mo", (1, 1))

    with pytest.raises(PoFileError):
        compile_texts.compile_stale(tmp_path)

    assert sorted(path.name for path in folder.iterdir()) == ["django.mo", "django.po"]
    assert (folder / "django.mo").read_bytes() == b"as it was"


@pytest.mark.parametrize("compiled_at", [None, 1], ids=["missing", "older"])
def test_the_programme_does_not_start_with_texts_that_are_not_compiled(
    tmp_path: Path, settings: Settings, compiled_at: int | None
) -> None:
    folder = tmp_path / "kk" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.po").write_bytes(catalogues.written(po(("Go", "Алға"), language="kk")))
    if compiled_at is not None:
        (folder / "django.mo").touch()
        os.utime(folder / "django.mo", (compiled_at, compiled_at))
    assert [message for message in run_checks() if message.id == "smart.E002"] == []

    settings.LOCALE_PATHS = [tmp_path]

    (told,) = [message.msg for message in run_checks() if message.id == "smart.E002"]
    assert told.startswith(str(folder / "django.po"))
