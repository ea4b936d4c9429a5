"""Codes: what ours look like, that a slip is seen, how pools are filled, and what a partner may bring."""

from collections.abc import Callable
from itertools import combinations

import pytest
from pytest_django import DjangoAssertNumQueries

from campaigns.codes import pool as codes
from campaigns.models import Offer, Partner, PromoCode
from tests.races import race

TEXTS = {"text_ru": "Код {code}", "text_kk": ""}


@pytest.fixture
def offer(make_offer: Callable[..., Offer]) -> Offer:
    return make_offer(codes="unique", **TEXTS)


def pool(offer: Offer) -> list[str]:
    return list(PromoCode.objects.filter(offer=offer).order_by("pk").values_list("code", flat=True))


def test_ours_are_eight_characters_that_nobody_mistakes() -> None:
    made = codes.generate(2000)

    assert all(codes.is_ours(code) for code in made)
    assert len(set(made)) == 2000
    assert {character for code in made for character in code} == set(codes.ALPHABET)
    assert not set(codes.ALPHABET) & set("0O1IL")


def test_every_single_slip_is_seen() -> None:
    for code in codes.generate(20):
        for place, right in enumerate(code):
            for wrong in set(codes.ALPHABET) - {right}:
                assert not codes.is_ours(code[:place] + wrong + code[place + 1 :])


def test_every_exchange_of_two_characters_is_seen() -> None:
    for code in codes.generate(100):
        for one, other in combinations(range(codes.LENGTH), 2):
            letters = list(code)
            letters[one], letters[other] = letters[other], letters[one]
            assert letters[one] == letters[other] or not codes.is_ours("".join(letters))


@pytest.mark.parametrize("code", ["", "2", "2222222", "222222222", "2222222O", "2222222a", "2222222\u0660"])
def test_what_has_not_the_form_is_not_ours(code: str) -> None:
    assert not codes.is_ours(code)


@pytest.mark.django_db
def test_a_pool_is_filled_up_to_what_is_wanted(offer: Offer) -> None:
    assert codes.ensure_pool(offer=offer, count=30) == 30
    assert codes.ensure_pool(offer=offer, count=50) == 20
    assert codes.ensure_pool(offer=offer, count=10) == 0

    assert codes.free(offer) == 50
    assert all(codes.is_ours(code) for code in pool(offer))


@pytest.mark.django_db
def test_codes_made_twice_are_made_anew(offer: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chance repeats itself at last: those that were there are not counted."""
    first = codes.generate(5)
    draws = iter([first, [*first[:3], *codes.generate(2)], codes.generate(3)])
    monkeypatch.setattr(codes, "generate", lambda count: next(draws))

    codes.ensure_pool(offer=offer, count=5)
    assert codes.ensure_pool(offer=offer, count=10) == 5

    assert codes.free(offer) == 10


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [{}, {"codes": "shared", "shared_code": "ARBAT30", **TEXTS}], ids=["none", "shared"])
def test_an_offer_without_codes_of_ones_own_has_no_pool(make_offer: Callable[..., Offer], kind: dict[str, str]) -> None:
    offer = make_offer(**kind)

    assert codes.ensure_pool(offer=offer, count=10) == 0
    with pytest.raises(codes.NoPool):
        codes.bring_own(offer=offer, codes=["ABCD"])
    assert codes.free(offer) == 0


@pytest.mark.django_db(transaction=True)
def test_two_who_fill_a_pool_at_once_fill_it_once(offer: Offer) -> None:
    made = race(*[lambda: codes.ensure_pool(offer=offer, count=500)] * 6)

    assert sorted(made) == [0, 0, 0, 0, 0, 500]


@pytest.mark.django_db
def test_a_partner_brings_its_own(offer: Offer) -> None:
    assert codes.bring_own(offer=offer, codes=["arbat1", " ARBAT2 ", "ARBAT3"]) == 3
    assert codes.bring_own(offer=offer, codes=["ARBAT4"]) == 1

    assert pool(offer) == ["ARBAT1", "ARBAT2", "ARBAT3", "ARBAT4"]


@pytest.mark.django_db
def test_a_partners_own_pool_gets_none_of_ours(offer: Offer) -> None:
    codes.bring_own(offer=offer, codes=["ARBAT1"])

    assert codes.ensure_pool(offer=offer, count=10) == 0
    assert pool(offer) == ["ARBAT1"]


@pytest.mark.django_db
def test_our_pool_gets_none_of_a_partners(offer: Offer) -> None:
    codes.ensure_pool(offer=offer, count=3)

    with pytest.raises(codes.PoolIsOurs):
        codes.bring_own(offer=offer, codes=["ARBAT1"])
    assert codes.free(offer) == 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], [(0, "no_codes")]),
        (["ARB"], [(1, "code_wrong")]),
        (["ARBAT1", "A" * 21], [(2, "code_wrong")]),
        (["АRBAT1"], [(1, "code_wrong")]),  # the first letter is Cyrillic
        (["=1+1"], [(1, "code_wrong")]),
        (["ARBAT\x00"], [(1, "code_wrong")]),
        (["ARBAT1", "ARBAT2", "arbat1"], [(3, "code_twice")]),
        (["ARBAT1", "MINE1", "MINE2"], [(2, "code_taken"), (3, "code_taken")]),
    ],
)
def test_a_list_with_something_wrong_is_not_taken_at_all(
    make_offer: Callable[..., Offer], offer: Offer, given: list[str], told: list[tuple[int, str]]
) -> None:
    other = make_offer(codes="unique", discount=40, **TEXTS)
    codes.bring_own(offer=other, codes=["MINE1", "MINE2"])

    with pytest.raises(codes.BadCodes) as refused:
        codes.bring_own(offer=offer, codes=given)

    assert [(one.line, one.code) for one in refused.value.problems] == told
    assert pool(offer) == []


@pytest.mark.django_db
def test_the_same_code_may_be_another_partners(
    make_offer: Callable[..., Offer], offer: Offer, stranger: Partner
) -> None:
    codes.bring_own(offer=offer, codes=["ARBAT1"])

    assert codes.bring_own(offer=make_offer(codes="unique", of=stranger, **TEXTS), codes=["ARBAT1"]) == 1


@pytest.mark.django_db
def test_a_list_has_an_end(offer: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "MOST_AT_ONCE", 2)

    with pytest.raises(codes.BadCodes) as refused:
        codes.bring_own(offer=offer, codes=["ARBAT1", "ARBAT2", "ARBAT3"])

    assert [one.code for one in refused.value.problems] == ["too_many_codes"]
    assert "2" in str(refused.value)


@pytest.mark.django_db
def test_codes_are_made_by_the_hundred_thousand(
    offer: Offer, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(100):  # one by one it is minutes
        assert codes.ensure_pool(offer=offer, count=100_000) == 100_000


def test_codes_cannot_be_foreseen() -> None:
    """M6: who knows a hundred knows none of the next hundred."""
    assert not set(codes.generate(100)) & set(codes.generate(100))
