"""An SPSS file from a table that comes in pieces: `python -m surveys.results.sav <file>`, JSON lines on standard input.

pyreadstat writes whole tables only. So each piece is written by itself, uncompressed, and what stands after its
dictionary is put behind what came before: the cases are rows of equal length. Each piece begins with a row that is as
wide as the widest text, which makes all dictionaries equal; that row is left out.
"""

import json
import struct
import sys
from pathlib import Path
from typing import Any

import pandas
import pyreadstat

from surveys.results.pieces import piece_of

_CASE_SIZE, _CASES = 68, 80  # where the dictionary keeps them; units of eight bytes, number of cases
_COUNT = struct.pack("<iiii", 7, 16, 8, 2)  # before the number of cases in 64 bits
_NAMES_AT_MOST = 120  # bytes of the words for a number


class Writer:
    """Writes a file piece by piece."""

    def __init__(self, path: Path, columns: list[dict[str, Any]]) -> None:
        self.columns, self.cases = columns, 0
        self.widest = ["x" * max(1, column["width"]) if column["width"] else None for column in columns]
        self.piece = piece_of(path)
        self.piece.touch(mode=0o600)
        self.file = path.open("wb")
        whole = self._written([])
        size = struct.unpack_from("<i", whole, _CASE_SIZE)[0] * 8
        self.start, self.first = len(whole) - size, len(whole)
        self.head = bytearray(whole[: self.start])
        self.file.write(self.head)

    def add(self, rows: list[list[Any]]) -> None:
        """Write the next rows."""
        self.file.write(self._written(rows)[self.first :])
        self.cases += len(rows)

    def close(self) -> None:
        """Say how many cases there are."""
        struct.pack_into("<i", self.head, _CASES, self.cases)
        place = self.head.find(_COUNT)
        if place >= 0:
            struct.pack_into("<q", self.head, place + len(_COUNT) + 8, self.cases)
        self.file.seek(0)
        self.file.write(self.head)
        self.file.close()
        self.piece.unlink()

    def _written(self, rows: list[list[Any]]) -> bytes:
        table = pandas.DataFrame([self.widest, *rows], columns=[column["name"] for column in self.columns])
        for column in self.columns:
            name = column["name"]
            if column["width"]:
                table[name] = table[name].fillna("").map(lambda text, most=column["width"]: _cut(text, most))
                table[name] = table[name].astype(object)
            else:
                table[name] = table[name].astype("float64")
        pyreadstat.write_sav(
            table,
            self.piece,
            column_labels={one["name"]: one["heading"] for one in self.columns},
            variable_value_labels={
                one["name"]: {float(key): _cut(text, _NAMES_AT_MOST) for key, text in one["labels"].items()}
                for one in self.columns
                if one["labels"]
            },
            variable_measure={one["name"]: "nominal" for one in self.columns if one["labels"]},
        )
        return self.piece.read_bytes()


def _cut(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore")


def main(path: str) -> None:
    """Read the columns and then pieces of the table."""
    writer = Writer(Path(path), json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        writer.add(json.loads(line))
    writer.close()


if __name__ == "__main__":
    main(sys.argv[1])
