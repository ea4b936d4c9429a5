"""The texts in locale/<language>/LC_MESSAGES/django.po: renewed and checked without system gettext.

python -m smart.local.catalogues renew      bring the .po files up to date with code and templates, and say what changed
python -m smart.local.catalogues check      say what is wrong with the .po files

core.lib.compile_texts makes what gettext reads of them.

People write the translations and comments. Everything else in a .po file is written by `renew`, always in the same
way: entries in the order of the files that use them, files without line numbers. An entry that a library asks for
names the library as if it were a file (LIBRARIES); that reference is written by hand and kept.
"""

import re
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import PoFileError, read_po, write_po

from core.lib import texts
from core.lib.languages import LANGUAGES

PROJECT = Path(__file__).resolve().parents[2]
ROOMS = ("core", "smart", "enrollment", "messaging", "bonuses", "campaigns", "surveys")
# Their own pages' texts, which have no Kazakh or a worse one: no code of ours names them.
LIBRARIES = {"django", "unfold"}
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
}
_IN_FSTRING = re.compile(r"{_\('([^']+)'\)}")  # Babel sees into these from Python 3.12 on only
_TRANSLATE = re.compile(r'{% translate "([^"]+)"')
_BLOCK = re.compile(r"{% blocktranslate[^%]*%}(.*?){% endblocktranslate %}", re.DOTALL)
_VARIABLE = re.compile(r"{{ (\w+) }}")
_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sd]|{\w*}")

Text = str | tuple[str, ...] | list[str]  # a text that counts has several forms
Key = tuple[str, ...]  # the context, "" for none, and the msgid's forms


def po_file(language: str) -> Path:
    """Where the texts of a language are."""
    return texts.LOCALE / language / "LC_MESSAGES" / "django.po"


def read(path: Path, language: str) -> Catalog:
    """Read a .po file. Raises PoFileError or UnicodeDecodeError."""
    with path.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def entries(catalog: Catalog) -> dict[Key, Message]:
    """The catalogue's messages without its header."""
    return {(message.context or "", *forms(message.id)): message for message in catalog if message.id}


def forms(text: Text) -> tuple[str, ...]:
    """The forms of a text: one, or several of a text that counts."""
    return (text,) if isinstance(text, str) else tuple(text)


def is_of_library(message: Message) -> bool:
    """Whether a library asks for the message, as its references say."""
    return any(place in LIBRARIES for place, _line in message.locations)


def used() -> Catalog:
    """Every text that our code and templates ask for, with the files that do."""
    catalog = Catalog()
    for text, context, path in (*_in_code(), *_in_templates()):
        catalog.add(text, context=context, locations=[(path.relative_to(PROJECT).as_posix(), 0)])
    return catalog


def _in_code() -> Iterator[tuple[Text, str | None, Path]]:
    for room in ROOMS:
        for path in (PROJECT / room).rglob("*.py"):
            with path.open("rb") as file:
                for _line, text, _comments, context in extract("python", file, KEYWORDS):
                    if text:
                        yield text, context, path
            for text in _IN_FSTRING.findall(path.read_text(encoding="utf-8")):
                yield text, None, path


def _in_templates() -> Iterator[tuple[Text, str | None, Path]]:
    for path in (PROJECT / "templates").rglob("*.html"):
        html = path.read_text(encoding="utf-8")
        for text in _TRANSLATE.findall(html):
            yield text, None, path
        for body in _BLOCK.findall(html):
            # Django asks for a block's own per cent signs doubled.
            yield _VARIABLE.sub(r"%(\1)s", body.replace("%", "%%")), None, path


def renewed(old: Catalog, uses: Catalog) -> tuple[Catalog, list[str]]:
    """Return the catalogue as `uses` and the libraries want it, and a sentence for each text that came or went.

    A new text that resembles one that went takes over its translation, marked fuzzy: no .mo has it, and `check`
    refuses it, until somebody has read it and removed the mark.
    """
    before, new = entries(old), _untranslated(old, uses)
    now = entries(new)
    gone = {key: message for key, message in before.items() if key not in now}
    told = [f"gone: {_name(key)}, which was {message.string!r}" for key, message in gone.items()]
    for key, message in now.items():
        if key in before:
            message.string, message.user_comments = before[key].string, before[key].user_comments
            message.flags |= before[key].flags & {"fuzzy"}
        elif new.locale.language == "en":
            message.string = message.id
            told.append(f"new: {_name(key)}")
        elif like := get_close_matches(key[-1], [former[-1] for former in gone if len(former) == len(key)], n=1):
            former = next(former for former in gone if former[-1] == like[0] and len(former) == len(key))
            message.string = gone[former].string
            message.flags.add("fuzzy")
            told.append(f"new: {_name(key)}, to be read: it took over the translation of {_name(former)}")
        else:
            told.append(f"new: {_name(key)}, to be translated")
    return new, told


def _untranslated(old: Catalog, uses: Catalog) -> Catalog:
    """Every text in use, in the order of a .po file: by the files that use it."""
    found = Catalog()
    for message in entries(uses).values():
        found.add(message.id, context=message.context, locations=message.locations)
    for message in filter(is_of_library, entries(old).values()):
        by = [place for place in message.locations if place[0] in LIBRARIES]
        found.add(message.id, context=message.context, locations=by)
    new = Catalog(locale=old.locale)
    for key, message in sorted(entries(found).items(), key=lambda item: (_places(item[1]), item[0])):
        new.add(message.id, context=key[0] or None, locations=message.locations)
    return new


def _places(message: Message) -> list[str]:
    return sorted(place for place, _line in message.locations)


def _name(key: Key) -> str:
    return repr(key[1]) + (f" ({key[0]})" if key[0] else "")


def written(catalog: Catalog) -> bytes:
    """The catalogue as a .po file, with a header that depends on no date and no version."""
    header = (
        'msgid ""\nmsgstr ""\n'
        f'"Language: {catalog.locale}\\n"\n'
        '"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n'
        f'"Plural-Forms: {catalog.plural_forms}\\n"\n\n'
    )
    body = BytesIO()
    write_po(body, catalog, width=0, omit_header=True, ignore_obsolete=True, include_lineno=False)
    return header.encode() + body.getvalue().rstrip(b"\n") + b"\n"


def faults(content: bytes, language: str, uses: Catalog) -> list[str]:
    """What is wrong with a .po file, a sentence each."""
    try:
        catalog = read_po(BytesIO(content), locale=language, abort_invalid=True)
    except (PoFileError, UnicodeDecodeError) as error:
        return [str(error)]
    there, wanted = entries(catalog), entries(uses)
    found = [f"lacks {_name(key)}, used in {_places(wanted[key])[0]}" for key in wanted if key not in there]
    for key, message in there.items():
        translated = forms(message.string or "")
        if key not in wanted and not is_of_library(message):
            found.append(f"unused: {_name(key)}")
        elif not all(translated):
            found.append(f"not translated: {_name(key)}")
        elif message.fuzzy:
            found.append(f"fuzzy, read it and remove the mark: {_name(key)}")
        elif any(_placeholders(text) != _placeholders(key[1]) for text in translated):
            found.append(f"other placeholders than the text's own: {_name(key)}")
    if not found and content != written(renewed(catalog, uses)[0]):
        found.append("not in the form that `make messages` writes")
    return found


def _placeholders(text: str) -> set[str]:
    return set(_PLACEHOLDER.findall(text))


def renew(uses: Catalog) -> None:
    """Write every .po file anew and say what changed."""
    for language in LANGUAGES:
        path = po_file(language)
        catalog, told = renewed(read(path, language), uses)
        if (content := written(catalog)) != path.read_bytes():
            path.write_bytes(content)
        for sentence in told:
            print(f"{language}: {sentence}")


def main(arguments: list[str]) -> int:
    """Do what the first argument says, and tell of a .po file that cannot be read without a traceback."""
    try:
        match arguments:
            case ["renew"]:
                renew(used())
            case ["check"]:
                uses = used()
                found = [(lang, said) for lang in LANGUAGES for said in faults(po_file(lang).read_bytes(), lang, uses)]
                for language, sentence in found:
                    print(f"{po_file(language).relative_to(PROJECT)}: {sentence}")
                return 1 if found else 0
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except (PoFileError, UnicodeDecodeError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
