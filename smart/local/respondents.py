"""How a made-up member answers a survey: whether and when he begins, what he presses, where he stops. No database here.

Everything is drawn from a seed, the member's id and the question, so that the same member does the same again.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from hashlib import blake2b
from statistics import NormalDist

from core.lib import astana
from surveys.models import Question
from surveys.questionnaire.items import Item, Option

Kind = Question.Kind
_SENSE = NormalDist()
_WAKES, _SLEEPS = 8, 23


@dataclass(frozen=True, slots=True)
class Habits:
    """Probabilities: of taking part, an invitation; of stopping, erring or pausing, a question; of hurrying, a member.

    The factors multiply `takes_part`: of who has an interest of the survey, of an age, of an invitation after work.
    """

    takes_part: float = 0.25
    interested: float = 1.6
    young: float = 1.2  # under 35
    old: float = 0.7  # from 55 on
    evening: float = 1.2  # invited from 18 o'clock on
    drops_out: float = 0.03
    pauses: float = 0.02  # and goes on the next day
    errs: float = 0.04
    hurries: float = 0.03
    contrast: float = 0.8  # how far apart segments' preferences are

    def of(self, *, age: int | None, is_interested: bool, hour: int) -> float:
        """How likely an invitation delivered at this hour is followed."""
        likely = self.takes_part * (self.interested if is_interested else 1)
        if age is not None and age < 35:
            likely *= self.young
        if age is not None and age >= 55:
            likely *= self.old
        return min(0.95, likely * (self.evening if hour >= 18 else 1))


USUAL = Habits()


def draw(*of: object) -> float:
    """A number in [0, 1) that is always the same for these."""
    digest = blake2b("/".join(map(str, of)).encode(), digest_size=6).digest()
    return int.from_bytes(digest) / (1 << 48)


@lru_cache(maxsize=4096)
def _leaning(*of: object) -> float:
    """How much a segment leans to something: a standard normal value, always the same."""
    return _SENSE.inv_cdf(min(max(draw(*of), 1e-6), 1 - 1e-6))


def band(age: int | None) -> str:
    """The age band that shares a taste."""
    if age is None:
        return ""
    return "young" if age < 25 else "grown" if age < 35 else "middle" if age < 55 else "old"


@dataclass(frozen=True)
class Respondent:
    """A member and his habits; `seed` names the survey too."""

    id: int
    gender: str
    age: int | None
    interests: int
    language: str
    seed: str
    habits: Habits = USUAL

    def begins_at(self, *, invited_at: datetime, wanted: int, nth: int = 0) -> datetime | None:
        """When he follows an invitation; None: never. `wanted` are the survey's interests, a bit each.

        Most do within an hour or two, nobody in the night, all within two days.
        """
        hour = invited_at.astimezone(astana.ZONE).hour
        likely = self.habits.of(age=self.age, is_interested=bool(self.interests & wanted), hour=hour)
        if self._draw("begins", nth) >= likely:
            return None
        waits = -1.5 * math.log(1 - 0.99 * self._draw("when", nth))
        return self._awake(invited_at + timedelta(minutes=2, hours=waits))

    def goes_on_at(self, stopped_at: datetime, item: Item) -> datetime:
        """When he goes on after a pause: the next day."""
        return self._awake(stopped_at + timedelta(hours=20 + 8 * self._draw("on", item.code)))

    def drops_out(self, item: Item) -> bool:
        """True when he never gets past this question."""
        return self._draw("drop", item.code) < self.habits.drops_out

    def pauses(self, item: Item) -> bool:
        """True when he stops at this question until the next day."""
        return self._draw("pause", item.code) < self.habits.pauses

    @cached_property
    def hurries(self) -> bool:
        """True when he does not read what he answers."""
        return self._draw("hurry") < self.habits.hurries

    def presses(self, item: Item) -> Iterator[tuple[timedelta, str]]:
        """The keys at a question, each with the time before it: now and then a wrong one first."""
        if item.kind != Kind.TEXT and self._draw("err", item.code) < self.habits.errs:
            yield self._thinks(item) / 2, _wrong(item)
        yield self._thinks(item), self.key(item)

    def key(self, item: Item) -> str:
        """What he answers."""
        if item.kind == Kind.TEXT:
            remarks = REMARKS[self.language]
            return remarks[int(self._draw("says", item.code) * len(remarks))]
        if item.kind in (Kind.NUMBER, Kind.SCALE):
            return str(self._number(item))
        if item.kind == Kind.YES_NO:
            lean = 0.8 + 0.1 * self.habits.contrast * self._leans(item.code)
            return "1" if self._draw("yes", item.code) < lean else "2"
        liked = {option.value: self._likes(item, option) for option in item.options}
        if item.kind == Kind.SEVERAL:
            total = sum(liked.values())
            chosen = [
                value
                for value, weight in liked.items()
                if self._draw("takes", item.code, value) < min(0.9, 1.6 * weight / total)
            ]
            return " ".join(map(str, chosen or [max(liked, key=lambda value: liked[value])]))
        left = self._draw("chooses", item.code) * sum(liked.values())
        for value, weight in liked.items():
            left -= weight
            if left < 0:
                return str(value)
        return str(max(liked))

    def _draw(self, *of: object) -> float:
        return draw(self.seed, self.id, *of)

    def _leans(self, *of: object) -> float:
        """By segment: gender and age band."""
        return _leaning(self.seed, self.gender, band(self.age), *of)

    def _likes(self, item: Item, option: Option) -> float:
        weight = math.exp(self.habits.contrast * self._leans(item.code, option.value))
        knows = option.interest_bit is not None and self.interests >> option.interest_bit & 1
        return weight * (3 if knows else 1)

    def _number(self, item: Item) -> int:
        low, high = item.low or 0, item.high or 0
        chance = _SENSE.inv_cdf(min(max(self._draw("number", item.code), 1e-6), 1 - 1e-6))
        lean = self.habits.contrast * self._leans(item.code)
        if item.kind == Kind.SCALE:
            share = 0.74 + 0.08 * lean + 0.2 * chance
        else:
            share = 0.15 * math.exp(0.3 * lean + 0.5 * chance)
        return min(high, max(low, low + round(share * (high - low))))

    def _thinks(self, item: Item) -> timedelta:
        if self.hurries:
            return timedelta(seconds=0.4 + self._draw("thinks", item.code))
        seconds = 9 * math.exp(0.4 * _SENSE.inv_cdf(0.001 + 0.998 * self._draw("thinks", item.code)))
        return timedelta(seconds=seconds * (2.5 if item.kind == Kind.TEXT else 1))

    def _awake(self, at: datetime) -> datetime:
        """The instant itself, or in the morning after when it is night."""
        local = at.astimezone(astana.ZONE)
        if _WAKES <= local.hour < _SLEEPS:
            return at
        day = local.date() + timedelta(days=local.hour >= _SLEEPS)
        minutes = 120 * self._draw("morning", day)
        return astana.start_of(day) + timedelta(hours=_WAKES, minutes=minutes)


def _wrong(item: Item) -> str:
    """A key that is no answer."""
    if item.kind in (Kind.NUMBER, Kind.SCALE):
        return str((item.high or 0) + 1)
    return "99"


REMARKS = {
    "kk": (
        "Кезек ұзақ",
        "Бағасы қымбат",
        "Бәрі жақсы, рахмет",
        "Таңертең ертерек ашылса екен",
        "Орын аз",
        "Жеңілдік көбірек болса",
        "Балаларға арналған мәзір керек",
    ),
    "ru": (
        "Долго ждать",
        "Дорого",
        "Всё нравится, спасибо",
        "Открывайтесь пораньше",
        "Мало мест",
        "Больше скидок",
        "Нужно детское меню",
        "Хочу завтраки",
    ),
    "en": ("Too long a queue", "Prices are high", "All good, thanks", "Open earlier please", "More seats"),
}
