"""An offer's life: what it may say, who may move it where, and that the database refuses the rest."""

import importlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from campaigns.models import Offer, OfferEvent, Partner
from campaigns.offers import approval, drafts
from tests.campaigns.conftest import DRAFT, NOW

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 21)


def wrong(partner: Partner, **changes: Any) -> set[tuple[str, str]]:
    found = drafts.problems(replace(DRAFT, **changes), partner=partner, today=TODAY)
    return {(one.name, one.code) for one in found}


def test_a_good_draft_has_no_problem(partner: Partner) -> None:
    assert not wrong(partner)
    assert not wrong(partner, towns=("almaty",), discount=30, phone="+7 701 000 00 00", url="https://arbat.example/x")
    assert not wrong(partner, codes="unique", text_ru="Код {code}", text_kk="")
    assert not wrong(partner, codes="shared", shared_code="ARBAT30", text_ru="Код {code}", text_kk="")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"title_ru": ""}, ("title_ru", "no_title")),
        ({"title_ru": "я" * 81}, ("title_ru", "long_title")),
        ({"text_ru": "", "text_kk": ""}, ("text_ru", "no_text")),
        ({"text_ru": "Чай\u202eйаЧ"}, ("text_ru", "bad_text")),
        ({"text_ru": "я" * 1001}, ("text_ru", "bad_text")),
        ({"text_ru": "Чай\ud800"}, ("text_ru", "bad_text")),
        ({"codes": "unique"}, ("text_ru", "code_nowhere")),
        ({"text_ru": "Код {code}"}, ("text_ru", "code_without")),
        ({"category": "weapons"}, ("category", "category_unknown")),
        ({"category": "alcohol"}, ("category", "category_refused")),
        ({"category": "health", "min_age": 16}, ("min_age", "age_low")),
        ({"interests": ("war",)}, ("interests", "interest_unknown")),
        ({"towns": ("atlantis",)}, ("towns", "town_unknown")),
        ({"valid_from": None}, ("valid_from", "no_date")),
        ({"valid_to": date(2026, 11, 5)}, ("valid_to", "dates_reversed")),
        ({"valid_from": date(2026, 1, 1), "valid_to": date(2026, 11, 20)}, ("valid_to", "dates_over")),
        ({"valid_to": date(2028, 1, 1)}, ("valid_to", "dates_long")),
        ({"channels": ()}, ("channels", "no_channel")),
        ({"channels": ("push",)}, ("channels", "channel_unknown")),
        ({"discount": 0}, ("discount", "discount_wrong")),
        ({"discount": 101}, ("discount", "discount_wrong")),
        ({"min_age": -1}, ("min_age", "age_wrong")),
        ({"codes": "magic"}, ("codes", "codes_wrong")),
        ({"codes": "shared", "shared_code": "=1+1"}, ("shared_code", "shared_code_wrong")),
        ({"shared_code": "ARBAT30"}, ("shared_code", "shared_code_alone")),
        ({"uses": 0}, ("uses", "uses_wrong")),
        ({"phone": "javascript:"}, ("phone", "phone_wrong")),
        *[
            ({"url": url}, ("url", "url_wrong"))
            for url in (
                "http://arbat.example/",
                "https://arbat.example.evil.example/",
                "https://arbat.example@evil.example/",
                "https://evilarbat.example/",
                "https://arbat.example:8443/",
                "javascript:alert(1)",
                "https://arbat.example/" + "x" * 200,
                "https://[arbat.example",
            )
        ],
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_named(partner: Partner, changes: dict[str, Any], problem: tuple[str, str]) -> None:
    assert problem in wrong(partner, **changes)


def test_everything_wrong_is_told_at_once(partner: Partner) -> None:
    assert len(wrong(partner, title_ru="", category="beer", valid_to=date(2026, 1, 1), channels=("push",))) == 4


def test_markup_and_template_syntax_are_letters(partner: Partner) -> None:
    assert not wrong(partner, title_ru="<b>Цветы</b>", text_ru="Букеты -25% {{7*7}} {0.__class__}", text_kk="")


def test_an_identical_offer_is_reported_not_doubled(partner: Partner, make_offer: Callable[..., Offer]) -> None:
    first = make_offer()

    with pytest.raises(approval.BadOffer) as refused:
        make_offer()

    assert [one.code for one in refused.value.problems] == ["same_offer"]
    assert refused.value.problems[0].details == {"offer": first.pk}
    assert Offer.objects.count() == 1


def test_another_partner_may_say_the_same(stranger: Partner, make_offer: Callable[..., Offer]) -> None:
    make_offer()

    assert make_offer(of=stranger).partner == stranger


def test_from_draft_to_end(make_offer: Callable[..., Offer]) -> None:
    offer = make_offer("ended")

    told = list(OfferEvent.objects.order_by("pk").values_list("before", "after", "by"))
    assert told == [
        ("", "draft", "partner:dana"),
        ("draft", "submitted", "partner:dana"),
        ("submitted", "approved", "staff:erlan"),
        ("approved", "ended", "staff:erlan"),
    ]
    assert offer.state == "ended"


def test_who_submitted_may_not_decide(make_offer: Callable[..., Offer]) -> None:
    offer = make_offer("submitted")

    for decide in (
        lambda: approval.approve(offer=offer, by="partner:dana", now=NOW),
        lambda: approval.reject(offer=offer, reason="x", by="partner:dana", now=NOW),
    ):
        with pytest.raises(approval.SamePerson):
            decide()
    offer.refresh_from_db()
    assert offer.state == "submitted"


def test_the_database_refuses_it_too(make_offer: Callable[..., Offer]) -> None:
    offer = make_offer("submitted")

    with pytest.raises(IntegrityError), transaction.atomic():
        Offer.objects.filter(pk=offer.pk).update(state="approved", decided_by=offer.submitted_by, decided_at=NOW)


def test_a_rejection_says_why(make_offer: Callable[..., Offer]) -> None:
    offer = make_offer("submitted")

    with pytest.raises(approval.NoReason):
        approval.reject(offer=offer, reason="  ", by="staff:erlan", now=NOW)
    assert approval.reject(offer=offer, reason="Нет лицензии", by="staff:erlan", now=NOW).reason == "Нет лицензии"


@pytest.mark.parametrize("state", ["submitted", "approved", "live"])
def test_an_edit_goes_back_to_approval(make_offer: Callable[..., Offer], state: str) -> None:
    offer = make_offer(state)
    if state == "live":
        approval.go_live(offers=[offer], by="job:feed_campaigns", now=NOW)

    edited = approval.edit(offer=offer, draft=replace(DRAFT, discount=40), by="partner:dana", now=NOW)

    assert (edited.state, edited.decided_by, edited.discount) == ("submitted", "", 40)


def test_saying_the_same_is_no_edit(make_offer: Callable[..., Offer]) -> None:
    offer = make_offer("approved")

    assert approval.edit(offer=offer, draft=DRAFT, by="partner:dana", now=NOW).state == "approved"


@pytest.mark.parametrize(
    ("state", "move"),
    [
        ("draft", "approve"),
        ("approved", "approve"),
        ("rejected", "approve"),
        ("ended", "submit"),
        ("approved", "submit"),
        ("draft", "end"),
        ("draft", "withdraw"),
    ],
)
def test_an_illegal_move_is_refused(make_offer: Callable[..., Offer], state: str, move: str) -> None:
    offer = make_offer(state)

    with pytest.raises(approval.OfferStateRefusal):
        getattr(approval, move)(offer=offer, by="staff:erlan", now=NOW)


@pytest.mark.parametrize(
    ("state", "to"),
    [("draft", "live"), ("draft", "approved"), ("rejected", "live"), ("ended", "live"), ("live", "draft")],
)
def test_the_database_refuses_an_illegal_move(make_offer: Callable[..., Offer], state: str, to: str) -> None:
    offer = make_offer("approved" if state == "live" else state)
    if state == "live":
        Offer.objects.filter(pk=offer.pk).update(state="live")

    with pytest.raises(IntegrityError), transaction.atomic():
        Offer.objects.filter(pk=offer.pk).update(
            state=to, submitted_by="a", submitted_at=NOW, decided_by="b", decided_at=NOW
        )


@pytest.mark.parametrize("state", ["approved", "live"])
@pytest.mark.parametrize(
    "changed",
    [{"text_ru": "Другое"}, {"title_kk": "Басқа"}, {"towns": ["almaty"]}, {"valid_to": "2027-01-01"}, {"min_age": 7}],
)
def test_the_database_refuses_another_text_than_was_approved(
    make_offer: Callable[..., Offer], state: str, changed: dict[str, Any]
) -> None:
    offer = make_offer("approved")
    if state == "live":
        Offer.objects.filter(pk=offer.pk).update(state="live")

    for more in ({}, {"state": "ended"}):
        with pytest.raises(IntegrityError, match="says what was approved"), transaction.atomic():
            Offer.objects.filter(pk=offer.pk).update(**changed, **more)


def test_the_database_refuses_to_approve_another_text_than_was_submitted(make_offer: Callable[..., Offer]) -> None:
    offer = make_offer("submitted")

    with pytest.raises(IntegrityError, match="says what was approved"), transaction.atomic():
        Offer.objects.filter(pk=offer.pk).update(
            text_ru="Другое", state="approved", decided_by="staff:erlan", decided_at=NOW
        )


def test_a_place_for_a_telephone_or_link_needs_one(partner: Partner) -> None:
    asked = {"text_ru": "Звоните {phone} или {url}", "text_kk": "{url}", "codes": "none"}
    given = {"phone": "8 727 250 00 00", "url": f"https://{partner.hosts[0]}/x"}

    assert wrong(partner, **asked) == {
        ("text_ru", "phone_without"), ("text_ru", "url_without"), ("text_kk", "url_without")
    }  # fmt: skip
    assert not wrong(partner, **asked, **given)
    long = {"text_ru": "Б" * 370 + " {url}", "url": given["url"] + "x" * 100}
    assert ("text_ru", "bad_text") in wrong(partner, **long, codes="none", text_kk="")


def test_every_column_of_an_offer_is_judged_or_is_of_its_way() -> None:
    """A new column must be thought of: is it what the approver read?"""
    says = importlib.import_module("campaigns.migrations.0007_approved_text")._SAYS
    way = {"id", "state", "reason", "submitted_by", "submitted_at", "decided_by", "decided_at", "created_by",
           "created_at", "changed_at"}  # fmt: skip

    assert {field.column for field in Offer._meta.concrete_fields} == {*says, *way}


def test_steps_are_history(make_offer: Callable[..., Offer]) -> None:
    make_offer()

    with pytest.raises(IntegrityError), transaction.atomic():
        OfferEvent.objects.update(by="nobody")


def test_what_is_over_ends_by_itself(make_offer: Callable[..., Offer]) -> None:
    """Its last day is included, in Astana."""
    offer = make_offer("approved")
    last = NOW.replace(month=12, day=10, hour=18, minute=59)

    assert approval.end_over(now=last) == 0
    assert approval.end_over(now=last + timedelta(minutes=1)) == 1
    offer.refresh_from_db()
    assert offer.state == "ended"


def test_a_readers_languages_have_an_order(make_offer: Callable[..., Offer]) -> None:
    offer = make_offer(text_kk="", text_en="30% off")

    assert [offer.text_in(code) for code in ("kk", "ru", "en")] == [DRAFT.text_ru, DRAFT.text_ru, "30% off"]
    only_english = Offer(text_en="30% off")
    assert [only_english.text_in(code) for code in ("kk", "ru", "en")] == ["", "", "30% off"]
