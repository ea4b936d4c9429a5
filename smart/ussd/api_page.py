"""The dialects' sections of docs/api.md, written from their declarations by `make docs`."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:  # it needs Django set up
    from smart.ussd.dialect import Dialect

PAGE = Path(__file__).resolve().parents[2] / "docs/api.md"
_BEGIN = "<!-- The dialects: `make docs` writes this part from smart/ussd/dialects/. -->\n"
_END = "<!-- The dialects end here. -->\n"


def write(page: str, dialects: "Iterable[Dialect[Any]]") -> str:
    """Return the page with a section a dialect between its marks."""
    before, _begin, rest = page.partition(_BEGIN)
    _old, _end, after = rest.partition(_END)
    sections = [f"## USSD, {dialect.title}\n{dialect.guide.strip()}\n\n" for dialect in dialects]
    return "".join((before, _BEGIN, *sections, _END, after))


def main() -> None:
    """Rewrite the page."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smart.settings")
    django.setup()
    from smart.ussd.dialects import DIALECTS  # noqa: PLC0415 - after setup

    PAGE.write_text(write(PAGE.read_text(), DIALECTS.values()))


if __name__ == "__main__":
    main()
