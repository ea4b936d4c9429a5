"""Whose codes a member has redeemed."""

from collections.abc import Callable

import pytest
from django.utils import translation

from campaigns.models import Offer, Partner, PromoCode, Redemption
from enrollment.audience.definition import BadAudience, parse
from enrollment.audience.words import in_words
from tests.bonuses.conftest import Member
from tests.campaigns.conftest import NOW
from tests.enrollment.audience import fitting

pytestmark = pytest.mark.django_db


def test_a_code_of_one_of_the_partners_is_enough(
    make_member: Member, make_offer: Callable[..., Offer], partner: Partner, stranger: Partner
) -> None:
    own, common, elsewhere, _never = (make_member() for _ in range(4))
    ours, theirs = make_offer("approved"), make_offer("approved", of=stranger)
    code = PromoCode.objects.create(partner=partner, offer=ours, code="A1B2", subscriber=own, given_at=NOW, used=1)
    given = {"at": NOW, "by": "x"}
    Redemption.objects.create(partner=partner, offer=ours, subscriber=own, code=code, **given)
    Redemption.objects.create(partner=partner, offer=ours, subscriber=common, **given)
    Redemption.objects.create(partner=stranger, offer=theirs, subscriber=elsewhere, **given)

    assert fitting(redeemed_from=["arbat"]) == {own.pk, common.pk}
    assert fitting(redeemed_from=["sinema"]) == {elsewhere.pk}
    assert fitting(redeemed_from=["arbat", "sinema"]) == {own.pk, common.pk, elsewhere.pk}


def test_a_partner_who_is_not_there_is_refused(partner: Partner) -> None:
    with pytest.raises(BadAudience):
        parse({"redeemed_from": ["arbat", "atlantis"]})


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Members who redeemed a code of “Arbat Coffee” or “Sinema”"),
        ("ru", "Участники: использовали код партнёра “Arbat Coffee” или “Sinema”"),
        ("kk", "Қатысушылар: “Arbat Coffee” немесе “Sinema” кодын пайдаланған"),
    ],
)
def test_it_reads_as_a_sentence(partner: Partner, stranger: Partner, language: str, sentence: str) -> None:
    with translation.override(language):
        assert in_words(parse({"redeemed_from": ["sinema", "arbat"]})) == sentence
