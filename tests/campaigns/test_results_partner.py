"""What partners see: totals in hundreds, frozen for the day, from which no single member can be told (M6, P2)."""

import csv
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from io import BytesIO, StringIO
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client
from django.utils import translation

from campaigns.models import Campaign, Offer, Partner, PartnerMember, PublishedResult, Statement, Variant
from campaigns.results import figures, publishing, rounding, statement
from campaigns.results import labels as told
from campaigns.results.figures import Figures, OfferTally
from tests.campaigns.conftest import NOW as MADE
from tests.campaigns.test_campaigns import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _key(settings: Any) -> None:
    settings.SECRET_KEY = "the same in every run, so that what is drawn is"


@pytest.fixture
def offer(make_offer: Callable[..., Offer]) -> Offer:
    return make_offer("approved")


@pytest.fixture
def campaign(offer: Offer) -> Campaign:
    """A campaign that ran and is over."""
    made = Campaign.objects.create(
        name="December", channels=["sms"], starts_at=NOW, ends_at=NOW + timedelta(days=2), created_by="staff:aidana",
        created_at=MADE, launched_at=NOW, launched_by="staff:aidana", state="finished",
        finished_at=NOW + timedelta(days=1),
    )  # fmt: skip
    Variant.objects.create(campaign=made, offer=offer)
    return made


def counted(offer: Offer, **fields: int) -> Figures:
    """Figures of one offer: members of two towns, most of them in one."""
    total = OfferTally(**{"placed": 12_345, "sent": 12_001, "delivered": 11_500, "redeemed": 1_730, **fields})
    small = OfferTally(placed=400, delivered=300, redeemed=20)
    large = replace(total, placed=total.placed - 400, delivered=total.delivered - 300, redeemed=total.redeemed - 20)
    parts: dict[Any, Any] = {(whose, name): {} for whose in (None, offer.pk) for name in figures.DIMENSIONS} | {
        (offer.pk, "language"): {"ru": large, "kk": small}
    }
    return Figures({None: total, offer.pk: total}, parts, {}, 0, None, {})


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, campaign: Campaign, offer: Offer) -> Callable[..., PublishedResult]:
    """Publish made-up figures; return what is written."""

    def publish(now: datetime = NOW + timedelta(days=1), **fields: int) -> PublishedResult:
        monkeypatch.setattr(figures, "of", lambda _campaign: counted(offer, **fields))
        publishing.publish(campaign=campaign, now=now)
        return PublishedResult.objects.get(campaign=campaign, offer=offer)

    return publish


@pytest.fixture
def person(partner: Partner, client: Client) -> Client:
    """Dana, signed in, reading English."""
    user = User.objects.create_user("dana@arbat.example", email="dana@arbat.example", password="x")
    PartnerMember.objects.create(user=user, partner=partner, role="viewer", joined_at=MADE)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.mark.parametrize("count", [0, 1, 999])
def test_nothing_under_a_thousand_is_shown(count: int) -> None:
    assert {rounding.shown(count, cell=str(cell)) for cell in range(200)} == {None}


def test_what_is_shown_is_in_hundreds_and_less_than_a_hundred_off() -> None:
    for count in range(1_100, 3_000, 7):
        found = {rounding.shown(count, cell=str(cell)) for cell in range(20)}
        assert found <= {count // 100 * 100, count // 100 * 100 + 100}


def test_it_is_right_on_average() -> None:
    errors = [(rounding.shown(5_437, cell=str(cell)) or 0) - 5_437 for cell in range(4_000)]

    assert abs(sum(errors) / len(errors)) < 4


def test_one_member_more_is_seen_once_in_a_hundred_cells() -> None:
    changed = sum(
        rounding.shown(count, cell=str(cell)) != rounding.shown(count + 1, cell=str(cell))
        for cell in range(4_000)
        for count in (1_000, 1_049, 9_999)
    )

    assert 60 < changed < 180


def test_a_part_that_is_hidden_is_not_what_the_total_leaves() -> None:
    """One hidden part would be: the smallest that could be shown is hidden with it."""
    told, others = rounding.parts({"almaty": 8_000, "astana": 3_000, "aktau": 140}, cell="c")

    assert set(told) == {"almaty"}
    assert others in (3_100, 3_200)


def test_no_part_is_hidden_alone() -> None:
    """M6: all others of one part would be that part; near its border it is told, or hidden with another."""
    parts = [rounding.parts({"almaty": 5_000, "astana": 1_050}, cell=str(cell)) for cell in range(100)]

    assert {frozenset(told) for told, _others in parts} == {frozenset({"almaty", "astana"}), frozenset()}


@pytest.mark.parametrize("cell", ["c", "d", "e"])
def test_the_first_member_of_a_part_does_not_show(cell: str) -> None:
    """Nobody in Aktau, or one: Astana is not hidden for him (but in one cell of a hundred)."""
    none, one = (rounding.parts({"almaty": 8_000, "astana": 3_000, "aktau": count}, cell=cell) for count in (0, 1))

    assert none == one
    assert set(one[0]) == {"almaty", "astana"}


def test_a_first_member_shows_in_one_cell_of_a_hundred() -> None:
    changed = sum(
        rounding.parts({"almaty": 8_000, "astana": 3_000, "aktau": 0}, cell=str(cell))
        != rounding.parts({"almaty": 8_000, "astana": 3_000, "aktau": 1}, cell=str(cell))
        for cell in range(2_000)
    )

    assert 5 < changed < 50


def test_many_hidden_parts_are_one_line() -> None:
    told, others = rounding.parts({"almaty": 8_000, "a": 500, "b": 500, "c": 500}, cell="c")

    assert (set(told), others in (1_500, 1_600)) == ({"almaty"}, True)


def test_all_others_are_all_the_others() -> None:
    """Also parts so small that nobody is told whether they are there."""
    told, others = rounding.parts({"almaty": 8_000, **{f"t{number}": 60 for number in range(40)}}, cell="c")

    assert (set(told), others in (2_400, 2_500)) == ({"almaty"}, True)
    assert rounding.parts({"almaty": 8_000, "aktau": 0}, cell="c")[1] is None


def test_where_all_is_small_nothing_is_told() -> None:
    assert rounding.parts({"almaty": 400, "astana": 300}, cell="c") == ({}, None)


def test_a_partner_sees_hundreds(seen: Callable[..., PublishedResult], person: Client) -> None:
    seen()

    page = person.get("/partners/results/").content.decode()

    shown = publishing.read(PublishedResult.objects.get()).shown
    assert shown.totals["delivered"] in (11_500, 11_600)
    assert set(shown.totals) == {"placed", "sent", "delivered", "redeemed"}
    assert "too few to tell" in page
    for exact in (12_345, 12_001, 1_730, 11_200, 300):
        assert f">{exact}<" not in page


def test_the_same_is_seen_when_asked_again_though_members_come_and_go(
    seen: Callable[..., PublishedResult], person: Client, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attack of two looks: whatever happened between them, both are the same page, to the byte."""
    seen()
    first = [person.get(f"/partners/results/{file}") for file in ("", "results.csv", "results.xlsx")]
    monkeypatch.setattr(figures, "of", lambda _campaign: pytest.fail("a page must not count"))
    again = [person.get(f"/partners/results/{file}") for file in ("", "results.csv", "results.xlsx")]

    assert _text(first[0]) == _text(again[0])
    assert list(first[1].streaming_content) == list(again[1].streaming_content)
    assert _cells(first[2].content) == _cells(again[2].content)


def _text(answer: Any) -> str:
    return "\n".join(line for line in answer.content.decode().splitlines() if "csrf" not in line)


def _cells(book: bytes) -> list[Any]:
    return list(openpyxl.load_workbook(BytesIO(book)).active.iter_rows(values_only=True))


def test_it_is_written_down_once_a_day(
    seen: Callable[..., PublishedResult], campaign: Campaign, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "of", lambda _campaign: counted(offer))
    day = NOW + timedelta(days=1)

    assert publishing.publish_daily(now=day) == 1
    assert publishing.publish_daily(now=day + timedelta(hours=3)) is None
    assert publishing.publish_daily(now=day + timedelta(days=1)) == 1


def test_what_is_final_never_changes(seen: Callable[..., PublishedResult], offer: Offer) -> None:
    late = NOW + timedelta(days=40)
    assert seen(now=late).is_final

    assert publishing.publish_daily(now=late + timedelta(days=1)) == 0
    before = PublishedResult.objects.get().figures
    assert seen(now=late + timedelta(days=1), delivered=20_000).figures == before
    with pytest.raises(DatabaseError), transaction.atomic():
        PublishedResult.objects.update(figures={})


def test_the_differencing_attack_gains_nothing() -> None:
    """Somebody who knows everybody else looks at two campaigns that differ in one member, by every cell there is.

    He is asked which of the two the member was in. With the best rule there is (the larger number) he is right hardly
    more often than by tossing a coin; exact counts would tell him every time.
    """
    toss, offer = random.Random(20261201), Offer(pk=7)
    right = told = 0
    for pair in range(3_000):
        has_member, base = toss.random() < 0.5, toss.randrange(1_000, 20_000)
        names = publishing._Names.__new__(publishing._Names)
        names._known = {}
        looks = [
            publishing.rounded(
                counted(offer, delivered=base + has, placed=base + has, sent=base + has),
                offer=offer.pk,
                campaign=2 * pair + second,
                names=names,
            ).totals
            for second, has in enumerate((has_member, not has_member))
        ]
        first, second = (sum(look.get(name, 0) for name in ("delivered", "placed", "sent")) for look in looks)
        told += first != second
        right += (first > second if first != second else toss.random() < 0.5) == has_member
    assert told > 1_000  # the looks do differ, for reasons that have nothing to do with him
    assert abs(right / 3_000 - 0.5) < 0.03


def test_the_same_cell_before_and_after_a_member_gains_nothing() -> None:
    """The same attack on one campaign from one day to the next, by town, language and total at once."""
    offer, names = Offer(pk=7), publishing._Names.__new__(publishing._Names)
    names._known = {}
    changed = 0
    for campaign in range(500):
        before, after = (
            publishing.rounded(counted(offer, delivered=5_250 + more), offer=offer.pk, campaign=campaign, names=names)
            for more in (0, 1)
        )
        changed += before != after
    assert changed < 25  # 1 in 100 for the total and for the town: nobody could say which days these are


def test_totals_less_their_parts_do_not_give_a_small_part_away(
    seen: Callable[..., PublishedResult], offer: Offer
) -> None:
    seen()

    language = publishing.read(PublishedResult.objects.get()).shown.parts["language"]["delivered"]

    assert language[0] == {}  # of two parts one is small, so both are one line
    assert language[1] in (11_500, 11_600)


def test_what_is_hidden_with_a_small_part_is_not_called_small(campaign: Campaign, offer: Offer) -> None:
    """1,950 redeemed in the evening; they are hidden since 80 more at noon would be what the total leaves."""
    parts = {
        "hour": {"delivered": ({"12": 5_000, "18": 4_000}, None), "redeemed": ({"9": 2_100}, 2_000)},
        "language": {"delivered": ({"ru": 9_000}, None), "redeemed": ({}, None)},
    }
    row = publishing.PublishedOffer(campaign, offer, MADE.date(), True, publishing.OfferTotals({}, parts))  # type: ignore[arg-type]

    with translation.override("en"):
        hours = [(line.name, [str(one) for one in line.counts]) for line in told.lines(row, "hour", told.PartNames())]
        languages = [[str(one) for one in line.counts] for line in told.lines(row, "language", told.PartNames())]

    assert hours == [
        ("09:00", ["too few to tell", "2100"]),
        ("12:00", ["5000", "not told by itself"]),
        ("18:00", ["4000", "not told by itself"]),
        ("all others together", ["—", "2000"]),
    ]
    assert languages == [["9000", "too few to tell"]]


def test_no_more_is_delivered_than_sent_than_prepared(offer: Offer) -> None:
    names = publishing._Names.__new__(publishing._Names)
    names._known = {}
    for campaign in range(200):
        figures_ = counted(offer, placed=1_060, sent=1_050, delivered=1_040)
        shown = publishing.rounded(figures_, offer=offer.pk, campaign=campaign, names=names).totals
        placed, sent, delivered = (shown.get(name, 0) for name in ("placed", "sent", "delivered"))
        assert placed >= sent >= delivered


def test_no_query_narrows_what_is_shown(seen: Callable[..., PublishedResult], person: Client) -> None:
    seen()
    asked = ["?town=almaty", "?language=kk", "?variant=A", "?from=2026-12-01&to=2026-12-01", "?offer=1&least=1"]

    usual = _text(person.get("/partners/results/"))
    assert {_text(person.get(f"/partners/results/{query}")) for query in asked} == {usual}


def test_a_stranger_sees_nothing_of_it(
    seen: Callable[..., PublishedResult], stranger: Partner, client: Client, offer: Offer
) -> None:
    seen()
    Statement.objects.create(
        partner=offer.partner, month=date(2026, 11, 1), messages=1_200, price=900, lines=[], issued_at=NOW
    )
    user = User.objects.create_user("x", password="x")
    PartnerMember.objects.create(user=user, partner=stranger, role="owner", joined_at=MADE)

    assert client.get("/partners/results/").status_code == 302
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    page, file = client.get("/partners/results/"), client.get("/partners/results/results.csv")
    assert str(offer) not in page.content.decode() + b"".join(file.streaming_content).decode()
    assert client.get("/partners/results/statements/2026-11.pdf").status_code == 404
    assert client.get("/partners/results/statements/2026-11.csv").status_code == 404


@pytest.fixture
def billed(partner: Partner, make_offer: Callable[..., Offer]) -> Statement:
    """November's statement: two large offers, two small ones."""
    Partner.objects.filter(pk=partner.pk).update(price=905, name="Арбат Қаһуа «Әсем»")
    partner.refresh_from_db()
    offers = [make_offer("approved", text_ru=f"Скидка {number}%", title_kk="Ұлттық үй тағамы") for number in range(4)]
    delivered = dict(zip((str(one.pk) for one in offers), (8_040, 3_020, 700, 450), strict=True))
    made = statement._statement(partner, date(2026, 11, 1), delivered, NOW)
    made.save()
    return made


def test_a_bill_is_the_sum_of_its_lines_and_keeps_the_rule(billed: Statement) -> None:
    assert billed.messages == sum(messages for _offer, messages in billed.lines)
    assert abs(billed.messages - 12_210) < 300
    assert [offer for offer, _messages in billed.lines][-1] is None  # the two small ones
    assert all(messages % 100 == 0 and messages >= 1_000 for _offer, messages in billed.lines)


def test_a_small_offer_is_not_what_a_bill_leaves_of_a_large_one(partner: Partner) -> None:
    alone = statement._statement(partner, date(2026, 11, 1), {"1": 8_040}, NOW)
    beside = statement._statement(partner, date(2026, 11, 1), {"1": 8_040, "2": 980}, NOW)

    assert (beside.lines, beside.messages) == (alone.lines, alone.messages)


def test_few_messages_cost_nothing(partner: Partner) -> None:
    made = statement._statement(partner, date(2026, 11, 1), {"1": 400, "2": 300}, NOW)

    assert (made.lines, made.messages, made.amount) == ([], 0, 0)


def test_a_statement_is_read_as_csv_and_pdf(billed: Statement, person: Client) -> None:
    page = person.get("/partners/results/").content.decode()
    answer = person.get("/partners/results/statements/2026-11.csv")
    rows = list(csv.reader(StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    pdf = person.get("/partners/results/statements/2026-11.pdf")

    assert "/partners/results/statements/2026-11.pdf" in page
    assert rows[-1] == ["11.2026", "total", str(billed.messages), "9.05", statement.tenge(billed.amount)]
    assert pdf["Content-Type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-")


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_a_pdf_has_every_letter(billed: Statement, person: Client, language: str, caplog: Any) -> None:
    """fpdf2 warns of glyphs that the font does not have."""
    person.get("/partners/results/statements/2026-11.pdf", headers={"Accept-Language": language})

    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == []


def test_a_statement_stays_as_it_was_issued(billed: Statement) -> None:
    Partner.objects.update(price=2_000)

    assert Statement.objects.get().price == 905
    with pytest.raises(DatabaseError), transaction.atomic():
        Statement.objects.update(price=2_000)
    with pytest.raises(IntegrityError), transaction.atomic():
        Statement.objects.create(
            partner=billed.partner, month=billed.month, messages=0, price=1, lines=[], issued_at=NOW
        )


def test_statements_come_on_the_third_and_once(partner: Partner) -> None:
    second = datetime(2026, 12, 2, 18, 59, tzinfo=MADE.tzinfo)

    assert statement.issue_monthly(now=second) is None
    assert statement.issue_monthly(now=second + timedelta(minutes=1)) == 0
    assert statement.issue_monthly(now=second + timedelta(hours=1)) is None
