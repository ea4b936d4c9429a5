"""Where a piece of an SPSS file is written, known to who writes it and to who deletes what was left."""

from pathlib import Path


def piece_of(path: Path) -> Path:
    """The piece's file, beside the whole one."""
    return path.with_name(f"{path.stem}.piece.sav")
