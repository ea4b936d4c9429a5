"""A code at a till: what redeems, how often, what is forgiven, and that answers never tell whose or whether."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from campaigns.codes import pool, redemption
from campaigns.models import Offer, Partner, PromoCode, Redemption
from campaigns.offers import approval
from core.access.models import AuditEvent
from enrollment.models import Subscriber
from tests.campaigns.conftest import DRAFT, NOW
from tests.races import race

VALID = datetime(2026, 12, 5, 7, tzinfo=UTC)
TEXTS = {"text_ru": "Код {code}", "text_kk": ""}
MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def give(make_offer: Callable[..., Offer], make_subscriber: Callable[..., Subscriber]) -> Callable[..., PromoCode]:
    """A code of an approved offer, given to a member; `code` makes it one that the partner brought."""

    def make(code: str = "", offer: Offer | None = None, **changes: object) -> PromoCode:
        offer = offer or make_offer("approved", codes="unique", **{**TEXTS, **changes})
        if code:
            pool.bring_own(offer=offer, codes=[code])
        else:
            pool.ensure_pool(offer=offer, count=1)
        given = PromoCode.objects.filter(offer=offer, subscriber=None).earliest("pk")
        given.subscriber, given.given_at = make_subscriber(), NOW
        given.save()
        return given

    return make


@pytest.fixture
def shared(make_offer: Callable[..., Offer]) -> Offer:
    return make_offer("approved", codes="shared", shared_code="ARBAT30", **TEXTS)


def redeem(
    partner: Partner, code: str, *, now: datetime = VALID, by: str = "partner:dana", receipt: str = ""
) -> object:
    """The redemption, or the code of the refusal."""
    try:
        return redemption.redeem(partner=partner, code=code, by=by, now=now, receipt=receipt)
    except redemption.Refusal as refusal:
        return refusal.code


def test_a_code_redeems_once(partner: Partner, give: Callable[..., PromoCode]) -> None:
    code = give()

    done = redeem(partner, code.code, receipt="bon-1")

    assert isinstance(done, Redemption)
    assert (done.offer, done.code, done.subscriber) == (code.offer, code, code.subscriber)
    assert (done.at, done.by, done.receipt) == (VALID, "partner:dana", "bon-1")
    assert redeem(partner, code.code) == "code_used"
    code.refresh_from_db()
    assert code.used == Redemption.objects.count() == 1


def test_or_as_often_as_the_offer_says(partner: Partner, give: Callable[..., PromoCode]) -> None:
    code = give(uses=3)

    assert [isinstance(redeem(partner, code.code), Redemption) for _ in range(4)] == [True, True, True, False]


def test_a_code_for_all_redeems_without_end_and_knows_nobody(partner: Partner, shared: Offer) -> None:
    done = [redeem(partner, "ARBAT30") for _ in range(5)]

    assert {(one.offer, one.code, one.campaign, one.subscriber) for one in done} == {(shared, None, None, None)}


def test_a_redemption_is_history(partner: Partner, shared: Offer) -> None:
    redeem(partner, "ARBAT30")

    with pytest.raises(IntegrityError), transaction.atomic():
        Redemption.objects.update(by="nobody")


@pytest.mark.parametrize(
    "typed",
    ["kb3h-x8ce", " KB3H X8CE ", "KB3H\u00a0X8CE", "KB3H – X8CE", "КВ3Н Х8СЕ", "кв3нх8се", "K.B.3.H.X.8.C.E"],
)
def test_typing_is_forgiven(partner: Partner, give: Callable[..., PromoCode], typed: str) -> None:
    give("KB3HX8CE")

    assert isinstance(redeem(partner, typed), Redemption)


@pytest.mark.parametrize("typed", ["ARBAT3O", "arbat3o", "АRВАТ3О"])
def test_zeros_and_os_are_forgiven(partner: Partner, shared: Offer, typed: str) -> None:
    assert isinstance(redeem(partner, typed), Redemption)


def test_ones_and_ls_are_forgiven(partner: Partner, give: Callable[..., PromoCode]) -> None:
    give("ABC1L")

    assert isinstance(redeem(partner, "ABCI1"), Redemption)


def test_two_that_look_alike_are_told_apart_exactly(partner: Partner, give: Callable[..., PromoCode]) -> None:
    first = give("ABCD0")
    second = give("ABCDO", offer=first.offer)

    assert redeem(partner, "ABCDO").code == second
    assert redeem(partner, "ABCD0").code == first
    give("ABC00", offer=first.offer)
    give("ABCOO", offer=first.offer)
    assert redeem(partner, "ABC0O") == "unknown_code"


def test_a_guess_is_no_search_through_all_that_looks_alike(partner: Partner, give: Callable[..., PromoCode]) -> None:
    give("0O0O0O1I")

    assert redeem(partner, "O0O0O0LL") == "unknown_code"
    assert isinstance(redeem(partner, "0O0O0O1I"), Redemption)


@pytest.mark.parametrize("typed", ["", " ", "ABC", "Я" * 8, "A" * 21, "A" * 5000, "ABCD\x00", "ABCD\ud800", "'; --"])
def test_what_cannot_be_a_code_is_unknown(partner: Partner, shared: Offer, typed: str) -> None:
    assert redeem(partner, typed) == "unknown_code"


def test_every_code_that_is_none_of_a_partners_gets_one_answer(
    partner: Partner, stranger: Partner, give: Callable[..., PromoCode], make_offer: Callable[..., Offer], shared: Offer
) -> None:
    """Another's given, another's for all, its own that nobody has, its own never approved, and none at all."""
    others = give(offer=make_offer("approved", of=stranger, codes="unique", **TEXTS)).code
    make_offer("approved", of=stranger, codes="shared", shared_code="SINEMA", **TEXTS)
    pool.ensure_pool(offer=give().offer, count=2)
    free = PromoCode.objects.filter(partner=partner, subscriber=None).earliest("pk").code
    make_offer("submitted", codes="shared", shared_code="DRAFT1", discount=50, **TEXTS)

    def answer(code: str) -> tuple[str, str, dict[str, object]]:
        with pytest.raises(redemption.UnknownCode) as refused:
            redemption.redeem(partner=partner, code=code, by="partner:dana", now=VALID)
        return refused.value.code, str(refused.value), refused.value.details

    assert len({str(answer(code)) for code in (others, "SINEMA", free, "DRAFT1", pool.generate(1)[0])}) == 1
    assert not Redemption.objects.exists()


@pytest.mark.parametrize(
    ("now", "answer"),
    [
        (datetime(2026, 11, 30, 18, 59, 59, tzinfo=UTC), "code_not_yet"),
        (datetime(2026, 11, 30, 19, 0, tzinfo=UTC), None),
        (datetime(2026, 12, 10, 18, 59, 59, tzinfo=UTC), None),
        (datetime(2026, 12, 10, 19, 0, tzinfo=UTC), "code_expired"),
    ],
    ids=["a second before", "first second", "last second", "a second after"],
)
def test_it_redeems_on_the_days_of_the_offer_in_astana(
    partner: Partner, give: Callable[..., PromoCode], shared: Offer, now: datetime, answer: str | None
) -> None:
    for code in (give(discount=20).code, "ARBAT30"):
        done = redeem(partner, code, now=now)

        assert done == answer if answer else isinstance(done, Redemption)


def test_what_was_promised_stands_though_the_offer_ended(
    partner: Partner, give: Callable[..., PromoCode], shared: Offer
) -> None:
    code = give(discount=20)
    approval.end(offer=code.offer, by="staff:erlan", now=NOW)
    approval.end(offer=shared, by="staff:erlan", now=NOW)

    assert isinstance(redeem(partner, code.code), Redemption)
    assert isinstance(redeem(partner, "ARBAT30"), Redemption)


def test_and_though_it_was_edited_and_waits_for_approval(
    partner: Partner, give: Callable[..., PromoCode], shared: Offer
) -> None:
    code = give(discount=20)
    draft = replace(DRAFT, codes="unique", discount=25, **TEXTS)
    approval.edit(offer=code.offer, draft=draft, by="partner:dana", now=NOW)
    draft = replace(DRAFT, codes="shared", shared_code="ARBAT30", discount=35, **TEXTS)
    approval.edit(offer=shared, draft=draft, by="partner:dana", now=NOW)

    assert isinstance(redeem(partner, code.code), Redemption)
    assert isinstance(redeem(partner, "ARBAT30"), Redemption)


def test_of_two_offers_with_one_code_the_valid_one_is_taken(
    partner: Partner, shared: Offer, make_offer: Callable[..., Offer]
) -> None:
    approval.end(offer=shared, by="staff:erlan", now=NOW)
    later = make_offer(
        "approved",
        codes="shared",
        shared_code="ARBAT30",
        valid_from=date(2026, 12, 20),
        valid_to=date(2026, 12, 30),
        **TEXTS,
    )

    assert redeem(partner, "ARBAT30").offer == shared
    assert redeem(partner, "ARBAT30", now=VALID + timedelta(days=20)).offer == later


def test_the_same_receipt_answers_the_same_and_redeems_once(
    partner: Partner, give: Callable[..., PromoCode], shared: Offer
) -> None:
    code = give(discount=20)

    first = redeem(partner, code.code, receipt="bon-1")

    assert redeem(partner, code.code.lower(), receipt="bon-1", now=VALID + timedelta(days=30)) == first
    assert redeem(partner, "ARBAT30", receipt="bon-2") == redeem(partner, "ARBAT3O", receipt="bon-2")
    assert redeem(partner, "ARBAT30", receipt="bon-1") == "receipt_reused"
    assert Redemption.objects.count() == 2


def test_a_receipt_is_its_partners_own(
    partner: Partner, stranger: Partner, shared: Offer, make_offer: Callable[..., Offer]
) -> None:
    make_offer("approved", of=stranger, codes="shared", shared_code="SINEMA", **TEXTS)
    redeem(partner, "ARBAT30", receipt="1")

    assert isinstance(redeem(stranger, "SINEMA", receipt="1"), Redemption)


def test_ten_guesses_then_one_a_minute(partner: Partner, shared: Offer) -> None:
    wrong = pool.generate(11)
    assert {redeem(partner, code) for code in wrong[:10]} == {"unknown_code"}

    with pytest.raises(redemption.TooManyGuesses) as refused:
        redemption.redeem(partner=partner, code=wrong[10], by="partner:dana", now=VALID)

    assert refused.value.details == {"minutes": 1, "seconds": 60}
    assert redeem(partner, wrong[10], now=VALID + MINUTE) == "unknown_code"
    assert redeem(partner, wrong[10], now=VALID + MINUTE) == "too_many_guesses"


def test_meanwhile_a_right_code_is_refused_too(partner: Partner, shared: Offer) -> None:
    """Else the refusal would tell which code is right; nor does a success before wipe anything out."""
    for code in pool.generate(9):
        redeem(partner, code)
    assert isinstance(redeem(partner, "ARBAT30", receipt="bon-1"), Redemption)
    redeem(partner, pool.generate(1)[0])

    assert redeem(partner, "ARBAT30") == redeem(partner, "ARBAT30", receipt="bon-1") == "too_many_guesses"
    assert isinstance(redeem(partner, "ARBAT30", now=VALID + MINUTE), Redemption)


def test_a_members_own_code_is_refused_meanwhile_as_well(partner: Partner, give: Callable[..., PromoCode]) -> None:
    """M6: one of ours has a right check character, but who waits is not told so."""
    code = give()
    for wrong in pool.generate(10):
        redeem(partner, wrong)

    assert redeem(partner, code.code) == "too_many_guesses"
    assert isinstance(redeem(partner, code.code, now=VALID + MINUTE), Redemption)


def test_each_caller_pays_for_itself(partner: Partner, stranger: Partner, shared: Offer) -> None:
    for code in pool.generate(10):
        redeem(partner, code, by="partner:dana")

    assert isinstance(redeem(partner, "ARBAT30", by="partner:aigul"), Redemption)
    assert redeem(stranger, "ARBAT30", by="partner:dana") == "unknown_code"


def test_a_partner_pays_for_all_its_callers(partner: Partner, stranger: Partner, shared: Offer) -> None:
    for number, code in enumerate(pool.generate(100)):
        assert redeem(partner, code, by=f"partner:till{number}") == "unknown_code"

    assert redeem(partner, "ARBAT30", by="partner:aigul") == "too_many_guesses"
    assert redeem(stranger, "ARBAT30", by="partner:omar") == "unknown_code"


def test_a_slip_of_the_finger_costs_a_fifth(partner: Partner, shared: Offer) -> None:
    right = pool.generate(1)[0]
    slip = right[:-1] + next(character for character in pool.ALPHABET if character != right[-1])

    answers = [redeem(partner, slip) for _ in range(50)]

    assert answers[:46] == ["unknown_code"] * 46
    assert answers[-1] == "too_many_guesses"


def test_codes_that_are_over_or_used_are_no_guesses(partner: Partner, give: Callable[..., PromoCode]) -> None:
    code = give()
    redeem(partner, code.code)

    assert {redeem(partner, code.code) for _ in range(30)} == {"code_used"}


def test_guessing_is_in_the_audit_trail(partner: Partner) -> None:
    for code in pool.generate(12):
        redeem(partner, code)

    told = AuditEvent.objects.filter(action="guess_codes").values_list("by", "subject")
    assert list(told) == [("partner:dana", f"partner:{partner.pk}")]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("uses", [1, 5])
def test_sixteen_tills_at_once_redeem_what_the_offer_says(
    partner: Partner, give: Callable[..., PromoCode], uses: int
) -> None:
    code = give(uses=uses).code

    done = race(*[lambda till=till: redeem(partner, code, by=f"partner:till{till}") for till in range(16)])

    assert sum(isinstance(one, Redemption) for one in done) == uses == Redemption.objects.count()
    assert {one for one in done if isinstance(one, str)} == {"code_used"}


@pytest.mark.django_db(transaction=True)
def test_one_receipt_sixteen_times_at_once_redeems_once(partner: Partner, shared: Offer) -> None:
    done = race(*[lambda till=till: redeem(partner, "ARBAT30", by=f"api:{till}", receipt="b1") for till in range(16)])

    assert len({one.pk for one in done}) == Redemption.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_sixteen_guesses_at_once_are_counted_one_by_one(partner: Partner, shared: Offer) -> None:
    done = race(*[lambda code=code: redeem(partner, code) for code in pool.generate(16)])

    assert sorted(done) == ["too_many_guesses"] * 6 + ["unknown_code"] * 10
