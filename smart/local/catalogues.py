"""The gettext catalogues, made without system gettext: `python -m smart.local.catalogues [--check]`.

Messages are written by room, in locale/parts/<room>.json as {"English msgid": {"kk": …, "ru": …}}; the .po and .mo
files are made from them and committed, so that a fresh clone runs without a compile step. A msgid that means two
things bears its context before it, and one that counts has its forms beside each other, as gettext keeps them:
"line\\u0004active" (pgettext), "entry\\u0000entries" (ngettext). What the libraries ask for, and bring no Kazakh or
Russian of, is in libraries.json.
"""

import json
import re
import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import write_po

PROJECT = Path(__file__).resolve().parents[2]
LOCALE = PROJECT / "locale"
ROOMS = ("smart", "enrollment", "messaging", "bonuses", "campaigns", "surveys")
KEYWORDS = {"_": None, "gettext": None, "gettext_lazy": None, "pgettext_lazy": ((1, "c"), 2)}
CONTEXT = "\x04"  # stands between a context and its msgid
PLURAL = "\x00"  # stands between the forms for one and for many
_IN_FSTRING = re.compile(r"{_\('([^']+)'\)}")  # Babel sees into these from Python 3.12 on only
_TRANSLATE = re.compile(r'{% translate "([^"]+)"')
_BLOCK = re.compile(r"{% blocktranslate[^%]*%}(.*?){% endblocktranslate %}", re.DOTALL)
_VARIABLE = re.compile(r"{{ (\w+) }}")
LANGUAGES = ("kk", "ru", "en")
# What Django's and django-unfold's own pages ask for: no code of ours names it, tests/test_texts.py reads theirs.
_OF_LIBRARIES = LOCALE / "parts" / "libraries.json"
_MADE = datetime(2026, 1, 1, tzinfo=UTC)  # fixed, so that the same messages make the same files


def messages() -> dict[str, dict[str, str]]:
    """Every message of every room. Raises ValueError when two rooms translate one differently."""
    merged: dict[str, dict[str, str]] = {}
    for path in sorted((LOCALE / "parts").glob("*.json")):
        for msgid, texts in json.loads(path.read_text(encoding="utf-8")).items():
            if merged.setdefault(msgid, texts) != texts:
                raise ValueError(f"{path.name}: {msgid!r} is translated differently in another part")
    return merged


def of_libraries() -> set[str]:
    """The msgids that are the libraries' own."""
    return set(json.loads(_OF_LIBRARIES.read_text(encoding="utf-8")))


def used() -> set[str]:
    """Every msgid that code and templates ask for, a library's own included."""
    found = of_libraries()
    for room in ROOMS:
        for path in (PROJECT / room).rglob("*.py"):
            with path.open("rb") as file:
                found |= {
                    f"{context}{CONTEXT}{message}" if context else str(message)
                    for _line, message, _comments, context in extract("python", file, KEYWORDS)
                    if message
                }
            found |= set(_IN_FSTRING.findall(path.read_text(encoding="utf-8")))
    for path in (PROJECT / "templates").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        found |= set(_TRANSLATE.findall(text))
        # Django asks for a block's own per cent signs doubled.
        found |= {_VARIABLE.sub(r"%(\1)s", body.replace("%", "%%")) for body in _BLOCK.findall(text)}
    return found


def missing() -> set[str]:
    """The msgids that are used and have no translation."""
    return used() - set(messages())


def build(language: str) -> dict[str, bytes]:
    """Return the language's catalogue as {"django.po": …, "django.mo": …}."""
    catalogue = Catalog(
        locale=language, project="SMART", creation_date=_MADE, revision_date=_MADE, fuzzy=False, header_comment="#"
    )
    for msgid, texts in sorted(messages().items()):
        flags = ["python-format"] if "%(" in msgid else []
        context, _mark, plain = msgid.rpartition(CONTEXT)
        text = texts.get(language, plain if language == "en" else "")
        if PLURAL in plain:
            catalogue.add(tuple(plain.split(PLURAL)), tuple(text.split(PLURAL)), flags=flags)
        else:
            catalogue.add(plain, text, flags=flags, context=context or None)
    po, mo = BytesIO(), BytesIO()
    write_po(po, catalogue, width=0)
    write_mo(mo, catalogue)
    return {"django.po": po.getvalue(), "django.mo": mo.getvalue()}


def main(arguments: list[str]) -> int:
    """Write the catalogues, or with --check say which committed ones are stale."""
    stale = []
    for language in LANGUAGES:
        folder = LOCALE / language / "LC_MESSAGES"
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in build(language).items():
            path = folder / name
            if path.exists() and path.read_bytes() == content:
                continue
            stale.append(path.relative_to(LOCALE.parent))
            if "--check" not in arguments:
                path.write_bytes(content)
    if stale and "--check" in arguments:
        print("Stale, run `make messages`:", *stale)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
