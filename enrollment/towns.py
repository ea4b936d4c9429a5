"""The cities of Kazakhstan as shipped data, and the matching of names as people and exports spell them.

Matching is exact after folding (case, dashes, "г.", Kazakh letters typed as Russian ones), never fuzzy: a
wrong town is worse than none. For the same reason towns.csv leaves out former names that today rather mean
another place.
"""

import csv
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
_SPACES = re.compile(r"\s+")
# Soft hyphens, stress marks, byte order marks and the like: seen by nobody, typed by exports.
_UNSEEN = re.compile(r"[\u00ad\u0300\u0301\u200b-\u200f\u2060\ufeff]+")
_DASHES = re.compile(r"[\u2010-\u2015\u2043\u2212\ufe58\ufe63\uff0d-]+")
_PUNCTUATION = re.compile(r"[.,;:!'\"`«»“”‘’ʼ()]+")
_BEFORE = re.compile(r"^(?:г|гор|город|қ|қала|city of|city)\s+")
_AFTER = re.compile(r"\s+(?:г|город|қ|қаласы|city)$")
# Kazakh letters as a Russian keyboard has them.
_LIKE_RUSSIAN = str.maketrans("әғқңөұүһі", "агкноуухи")


@dataclass(frozen=True, slots=True)
class RegionRow:
    """A line of regions.csv; `code` is ISO 3166-2:KZ."""

    code: str
    name_kk: str
    name_ru: str
    name_en: str


@dataclass(frozen=True, slots=True)
class TownRow:
    """A line of towns.csv; `region` is a region's code, `former` holds former and other names."""

    code: str
    region: str
    name_kk: str
    name_ru: str
    name_en: str
    former: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Every name the town has or had."""
        return (self.name_kk, self.name_ru, self.name_en, *self.former)


def load_regions() -> list[RegionRow]:
    """Read the shipped regions."""
    with (DATA / "regions.csv").open(encoding="utf-8", newline="") as file:
        return [RegionRow(**row) for row in csv.DictReader(file)]


@lru_cache(maxsize=1)
def load_towns() -> tuple[TownRow, ...]:
    """Read the shipped towns."""
    with (DATA / "towns.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return tuple(TownRow(former=tuple(filter(None, row.pop("former").split("|"))), **row) for row in rows)


def fold(name: str) -> str:
    """Reduce a spelling to what is compared: "г. Усть–Каменогорск" becomes "усть каменогорск"."""
    text = _UNSEEN.sub("", unicodedata.normalize("NFKC", name)).casefold().replace("ё", "е")
    text = _PUNCTUATION.sub(" ", _DASHES.sub(" ", text))
    text = _SPACES.sub(" ", text).strip()
    return _AFTER.sub("", _BEFORE.sub("", text))


def fold_russian(name: str) -> str:
    """Fold, with Kazakh letters as a Russian keyboard has them, without spaces: "Ақтөбе" becomes "актобе"."""
    return fold(name).translate(_LIKE_RUSSIAN).replace(" ", "")


class TownMatcher:
    """Finds a town's code by any of its names; made once per import, it remembers what it was asked."""

    def __init__(self) -> None:
        self._exact: dict[str, str] = {}
        self._loose: dict[str, str | None] = {}
        self._asked: dict[str, str | None] = {}
        for town in load_towns():
            for name in town.names:
                self._exact.setdefault(fold(name), town.code)
                key = fold_russian(name)
                # Two towns that look alike without Kazakh letters are told apart by exact names only.
                self._loose[key] = town.code if self._loose.get(key, town.code) == town.code else None

    def match(self, name: str) -> str | None:
        """Return the town's code; None for an empty, foreign, rural or unknown name."""
        if name in self._asked:
            return self._asked[name]
        found = self._exact.get(fold(name)) or self._loose.get(fold_russian(name))
        if len(self._asked) < 100_000:
            self._asked[name] = found
        return found
