"""Compiles each .po whose .mo is missing or older, without system gettext: `python -m core.lib.compile_texts`.

Apart from `texts`, since no server needs Babel in memory. (Babel's own `pybabel compile` takes "5 % of" for a
placeholder and fails, and writes where others are reading.)
"""

import os
import sys
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from core.lib import texts


def compile_stale(locale: Path = texts.LOCALE) -> list[Path]:
    """Compile what is stale and return it. Raises PoFileError or UnicodeDecodeError for a .po that cannot be read."""
    stale = texts.stale(locale)
    for po in stale:
        saved_at = po.stat().st_mtime_ns
        with po.open("rb") as file:
            catalog = read_po(file, locale=po.parent.parent.name, abort_invalid=True)
        draft = po.with_suffix(f".{os.getpid()}.mo")
        with draft.open("wb") as file:
            write_mo(file, catalog)
        os.utime(draft, ns=(saved_at, saved_at))  # a .po that was saved meanwhile is newer
        draft.replace(po.with_suffix(".mo"))  # a process that starts now must not read half a file
    return stale


if __name__ == "__main__":
    try:
        compile_stale()
    except (PoFileError, UnicodeDecodeError) as error:
        sys.exit(f"A text file cannot be read: {error}")
