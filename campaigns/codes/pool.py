"""Codes that redeem offers: how ours are made and told from slips, and the pools that members are given them from.

Ours have 8 characters of 29: digits and capitals without 0 O, 1 I L, and without A and U, so that they spell few words.
Seven come from `secrets`; the eighth is the sum of their values, each times its place, modulo 29. As 29 is a prime, no
single wrong character and no two exchanged ones leave it right: a slip of the finger is told from a guess.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from django.db import connection, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.models import Offer, PromoCode
from core.lib.errors import Refusal

ALPHABET = "23456789BCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 8
MOST_AT_ONCE = 1_000_000
_SIZE = len(ALPHABET)
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_OWN = re.compile(r"[A-Z0-9]{4,20}")
_BATCH = 50_000
_SAMPLE = 10  # that ten codes of a partner's own all look like ours is one chance in 10^14
_LOOKED_AT = 1000
_MOST_TOLD = 20  # of the wrong lines

# Three characters at a time: themselves, what they add to the sum at places 2 to 4, and a third of what more at 5 to 7.
_TRIPLES = [
    (
        "".join(ALPHABET[value] for value in three),
        sum(place * value for place, value in enumerate(three, 2)),
        sum(three),
    )
    for three in product(range(_SIZE), repeat=3)
]
_FREE = (
    "SELECT count(*) FROM (SELECT 1 FROM campaigns_promocode WHERE offer_id = %s AND subscriber_id IS NULL LIMIT %s) f"
)
_INSERT = """
INSERT INTO campaigns_promocode (partner_id, offer_id, code, used)
SELECT %s, %s, code, 0 FROM unnest(%s::text[]) AS code ON CONFLICT (partner_id, code) DO NOTHING RETURNING code
"""


class NoPool(Refusal):
    """The offer gives no codes of one's own, or not any more."""

    code = "offer_without_pool"
    sentence = _("This offer gives no code of one's own: it needs no list of codes.")


class PoolIsOurs(Refusal):
    """We made codes for this offer already: a partner's system would not know those."""

    code = "pool_is_ours"
    sentence = _("Codes were made for this offer already; your own cannot be mixed with them.")


class BadCodes(Refusal):
    """Some of the codes cannot be taken, so none was; `problems` says which."""

    code = "bad_codes"
    sentence = _("The codes cannot be taken: %(what)s.")
    status = 422

    def __init__(self, problems: "list[CodeProblem]") -> None:
        super().__init__(what="; ".join(str(one) for one in problems[:_MOST_TOLD]))
        self.problems = problems


# Everything a code of a partner's own can be.
SENTENCES: dict[str, str | Promise] = {
    "no_codes": _("the list is empty"),
    "too_many_codes": _("the list has more than %(most)s lines"),
    "code_wrong": _("line %(line)s: a code has 4 to 20 capital letters and digits"),
    "code_twice": _("line %(line)s: this code stands in the list twice"),
    "code_taken": _("line %(line)s: this code is one of yours already"),
}


@dataclass(frozen=True, slots=True)
class CodeProblem:
    """What is wrong with a line (counted from 1; 0 is the whole list)."""

    line: int
    code: str

    def __str__(self) -> str:
        return str(SENTENCES[self.code]) % {"line": self.line, "most": MOST_AT_ONCE}


def generate(count: int) -> list[str]:
    """Return that many codes from the system's randomness; two may be alike by chance."""
    raw = secrets.token_bytes(8 * count)
    return [_code(int.from_bytes(raw[at : at + 8]) % _SIZE**7) for at in range(0, len(raw), 8)]


def _code(number: int) -> str:
    rest, last = divmod(number, _SIZE**3)
    first, middle = divmod(rest, _SIZE**3)
    text, weighed, _plain = _TRIPLES[middle]
    tail, tail_weighed, tail_plain = _TRIPLES[last]
    return ALPHABET[first] + text + tail + ALPHABET[(first + weighed + tail_weighed + 3 * tail_plain) % _SIZE]


def is_ours(code: str) -> bool:
    """Whether we could have made it: its form and its check character are right."""
    return is_formed(code) and ALPHABET[sum(i * _VALUES[c] for i, c in enumerate(code[:-1], 1)) % _SIZE] == code[-1]


def is_formed(code: str) -> bool:
    """Whether it has the length and the characters of ours."""
    return len(code) == LENGTH and all(character in _VALUES for character in code)


def is_possible(code: str) -> bool:
    """Whether it may be any code at all, ours or a partner's own."""
    return _OWN.fullmatch(code) is not None


def free(offer: Offer) -> int:
    """How many codes of the pool nobody has."""
    return PromoCode.objects.filter(offer=offer, subscriber=None).count()


def usual_length(offer: Offer) -> int:
    """How long a code of the offer's is: what a text is measured with. A partner's own are alike, so some tell."""
    some = PromoCode.objects.filter(offer=offer).values_list("code", flat=True)[:_LOOKED_AT]
    return max((len(code) for code in some), default=LENGTH)


@transaction.atomic
def ensure_pool(*, offer: Offer, count: int) -> int:
    """See that at least so many codes are free; return how many were made for that.

    None for an offer that gives no code of one's own, nor for one whose partner brought its own: its tills know those
    alone, so the pool ends with them.
    """
    if offer.codes != Offer.Codes.UNIQUE or _free(offer, count) >= count:
        return 0
    offer = Offer.objects.select_for_update(no_key=True).get(pk=offer.pk)
    if _maker(offer) == "partner":
        return 0
    made = 0
    while (lacking := count - _free(offer, count)) > 0:
        made += len(_insert(offer, generate(min(lacking, _BATCH))))
    return made


@transaction.atomic
def bring_own(*, offer: Offer, codes: Iterable[str]) -> int:
    """Put a partner's own codes into the pool, all or none; return how many.

    Capital letters and digits, 4 to 20, unique within the partner. Raises NoPool, PoolIsOurs or BadCodes.
    """
    offer = Offer.objects.select_for_update(no_key=True).get(pk=offer.pk)
    if offer.codes != Offer.Codes.UNIQUE or offer.state == Offer.State.ENDED:
        raise NoPool
    if _maker(offer) == "us":
        raise PoolIsOurs
    given = _read(codes)
    taken = set(given)
    for at in range(0, len(given), _BATCH):
        taken -= _insert(offer, given[at : at + _BATCH])
    if taken:
        raise BadCodes([CodeProblem(line, "code_taken") for line, code in enumerate(given, 1) if code in taken])
    return len(given)


def _read(codes: Iterable[str]) -> list[str]:
    """Return the codes in capitals. Raises BadCodes with every line that is wrong in itself."""
    given: list[str] = []
    seen: set[str] = set()
    problems = []
    for line, text in enumerate(codes, 1):
        code = text.strip().upper()
        if line > MOST_AT_ONCE:
            raise BadCodes([CodeProblem(0, "too_many_codes")])
        if not is_possible(code):
            problems.append(CodeProblem(line, "code_wrong"))
        elif code in seen:
            problems.append(CodeProblem(line, "code_twice"))
        seen.add(code)
        given.append(code)
    if not given:
        problems.append(CodeProblem(0, "no_codes"))
    if problems:
        raise BadCodes(problems)
    return given


def _free(offer: Offer, most: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_FREE, [offer.pk, most])
        return int(cursor.fetchone()[0])


def _insert(offer: Offer, codes: list[str]) -> set[str]:
    """Put codes into the pool; return those that no pool of the partner's had."""
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [offer.partner_id, offer.pk, codes])
        return {code for (code,) in cursor.fetchall()}


def _maker(offer: Offer) -> str:
    """Who made the pool: "us", "partner", or "" while there is none; some codes of it tell."""
    pool = PromoCode.objects.filter(offer=offer)
    some = list(pool.filter(subscriber=None).order_by("pk").values_list("code", flat=True)[:_SAMPLE])
    some = some or list(pool.filter(subscriber__isnull=False).values_list("code", flat=True)[:_SAMPLE])
    if not some:
        return ""
    return "us" if all(is_ours(code) for code in some) else "partner"
