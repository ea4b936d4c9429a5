"""The gettext catalogues, made without system gettext: `python -m smart.local.catalogues [--check]`.

Messages are written by room, in locale/parts/<room>.json as {"English msgid": {"kk": …, "ru": …}}; the .po and .mo
files are made from them and committed, so that a fresh clone runs without a compile step.
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
KEYWORDS = {"_": None, "gettext": None, "gettext_lazy": None}
_IN_FSTRING = re.compile(r"{_\('([^']+)'\)}")  # Babel sees into these from Python 3.12 on only
_TRANSLATE = re.compile(r'{% translate "([^"]+)"')
_BLOCK = re.compile(r"{% blocktranslate[^%]*%}(.*?){% endblocktranslate %}", re.DOTALL)
_VARIABLE = re.compile(r"{{ (\w+) }}")
LANGUAGES = ("kk", "ru", "en")
# What django-unfold's own templates ask for and bring no catalogue for.
_OF_LIBRARIES = {"Search apps and models..."}
_MADE = datetime(2026, 1, 1, tzinfo=UTC)  # fixed, so that the same messages make the same files


def messages() -> dict[str, dict[str, str]]:
    """Every message of every room. Raises ValueError when two rooms translate one differently."""
    merged: dict[str, dict[str, str]] = {}
    for path in sorted((LOCALE / "parts").glob("*.json")):
        for msgid, texts in json.loads(path.read_text(encoding="utf-8")).items():
            if merged.setdefault(msgid, texts) != texts:
                raise ValueError(f"{path.name}: {msgid!r} is translated differently in another part")
    return merged


def used() -> set[str]:
    """Every msgid that code and templates ask for, a library's own included."""
    found = set(_OF_LIBRARIES)
    for room in ROOMS:
        for path in (PROJECT / room).rglob("*.py"):
            with path.open("rb") as file:
                found |= {str(message) for _line, message, _c, _x in extract("python", file, KEYWORDS) if message}
            found |= set(_IN_FSTRING.findall(path.read_text(encoding="utf-8")))
    for path in (PROJECT / "templates").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        found |= set(_TRANSLATE.findall(text))
        found |= {_VARIABLE.sub(r"%(\1)s", body) for body in _BLOCK.findall(text)}
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
        catalogue.add(msgid, texts.get(language, msgid if language == "en" else ""), flags=flags)
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
