"""Offers as staff judge them, and partners as staff take them on: who may, what is asked first, what is refused."""

import html
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client

from campaigns.models import Offer, OfferEvent, Partner, PartnerMember
from campaigns.offers import approval, drafts
from core.access.models import AuditEvent
from tests.campaigns.conftest import DRAFT, NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
LIST = "/admin/campaigns/offer/"
Staff = Callable[..., Client]
Make = Callable[..., Offer]


def page_of(offer: Offer, action: str = "change") -> str:
    return f"{LIST}{offer.pk}/{action}/"


def state(offer: Offer) -> str:
    offer.refresh_from_db()
    return offer.state


def test_what_waits_for_approval_comes_first(staff: Staff, make_offer: Make) -> None:
    make_offer("submitted", title_ru="Ждёт")
    make_offer("approved", title_ru="Готова")
    make_offer("draft", title_ru="Черновик")

    page = staff("marketing").get(LIST).content.decode()

    assert page.index("Ждёт") < min(page.index("Готова"), page.index("Черновик"))


@pytest.mark.parametrize("question", ["state__exact=submitted", "partner__id__exact={partner}", "q=Ждёт"])
def test_the_list_is_narrowed(staff: Staff, make_offer: Make, question: str) -> None:
    waits = make_offer("submitted", title_ru="Ждёт")
    other = Partner.objects.create(name="Sinema", slug="sinema", created_at=waits.created_at)
    make_offer("draft", title_ru="Чужая", of=other)

    page = staff("marketing").get(f"{LIST}?{question.format(partner=waits.partner_id)}").content.decode()

    assert "Ждёт" in page
    assert "Чужая" not in page


def test_the_list_and_the_page_keep_their_budget(
    staff: Staff, make_offer: Make, django_assert_max_num_queries: Callable[..., object]
) -> None:
    client = staff("marketing")
    for number in range(12):
        offer = make_offer("submitted", title_ru=f"Предложение {number}")

    with django_assert_max_num_queries(12):
        assert client.get(LIST).status_code == 200
    with django_assert_max_num_queries(12):
        assert client.get(page_of(offer)).status_code == 200


def test_the_page_shows_the_message_in_each_language_with_its_size(staff: Staff, make_offer: Make) -> None:
    offer = make_offer("submitted", codes="shared", shared_code="ARBAT30", text_ru="Кофе -30%, код {code}", text_kk="")

    page = staff("marketing").get(page_of(offer)).content.decode()

    assert page.count("<blockquote>Кофе -30%, код ARBAT30</blockquote>") == 3
    assert "UCS-2 × 1" in page
    assert "written in: Russian" in page
    assert "somebody who left the partner (dana)" in page


def test_who_did_it_is_told_by_name(staff: Staff, make_offer: Make, partner: Partner) -> None:
    user = User.objects.create_user("dana", email="dana@arbat.example", first_name="Dana Omarova")
    PartnerMember.objects.create(user=user, partner=partner, role="editor", joined_at=NOW)
    offer = make_offer("approved")
    approval.go_live(offers=[offer], by="job:feed_campaigns", now=NOW)

    page = staff("marketing").get(page_of(offer)).content.decode()

    assert "Dana Omarova (editor, Arbat Coffee)" in page
    assert "<td>erlan</td>" in page
    assert "<td>the programme itself</td>" in page
    assert not re.search(r"(partner|staff|job):", page.partition("Its way so far")[2])


def test_a_text_is_shown_as_text(staff: Staff, make_offer: Make) -> None:
    offer = make_offer("submitted", title_ru="<b>{{7*7}}</b>", text_ru="<script>alert(1)</script> {{7*7}}", text_kk="")

    page = staff("marketing").get(page_of(offer)).content.decode()

    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{7*7}}" in page
    assert "<script>alert" not in page


def test_approving_asks_first_and_acts_when_posted(staff: Staff, make_offer: Make, at_noon: datetime) -> None:
    offer, client = make_offer("submitted"), staff("marketing", name="erlan")

    asked = client.get(page_of(offer, "approve"))
    assert (asked.status_code, state(offer)) == (200, "submitted")
    assert 'name="csrfmiddlewaretoken"' in asked.content.decode()
    done = client.post(page_of(offer, "approve"))

    assert done.headers["Location"] == page_of(offer)
    assert (state(offer), offer.decided_by, offer.decided_at) == ("approved", "staff:erlan", at_noon)
    assert AuditEvent.objects.get(action="approve_offer").by == "staff:erlan"


def test_rejecting_needs_a_reason_that_the_partner_reads(staff: Staff, make_offer: Make) -> None:
    offer, client = make_offer("submitted"), staff("marketing")

    refused = client.post(page_of(offer, "reject"), {"reason": "  "})
    assert "Say why, in words for the partner." in refused.content.decode()
    assert state(offer) == "submitted"
    client.post(page_of(offer, "reject"), {"reason": "Нет цены"})

    assert (state(offer), offer.reason) == ("rejected", "Нет цены")
    assert "Нет цены" in client.get(page_of(offer)).content.decode()


def test_ending_is_for_good(staff: Staff, make_offer: Make) -> None:
    offer, client = make_offer("approved"), staff("marketing")

    client.post(page_of(offer, "end"))
    client.post(page_of(offer, "end"))

    assert state(offer) == "ended"
    assert OfferEvent.objects.filter(offer=offer, after="ended").count() == 1


@pytest.mark.parametrize("method", ["get", "head", "options"])
@pytest.mark.parametrize(("before", "action"), [("submitted", "approve"), ("submitted", "reject"), ("approved", "end")])
def test_a_link_changes_nothing(staff: Staff, make_offer: Make, method: str, before: str, action: str) -> None:
    offer = make_offer(before)

    assert getattr(staff("marketing"), method)(page_of(offer, action)).status_code == 200
    assert state(offer) == before


@pytest.mark.parametrize(("before", "action"), [("submitted", "approve"), ("submitted", "reject"), ("approved", "end")])
def test_care_and_forgers_judge_nothing(staff: Staff, make_offer: Make, before: str, action: str) -> None:
    offer, forger = make_offer(before), Client(enforce_csrf_checks=True)
    forger.force_login(User.objects.create_superuser("root"))

    for client in (staff("care"), forger):
        assert client.post(page_of(offer, action), {"reason": "x"}).status_code == 403
    assert staff("care", name="aigul").get(page_of(offer)).status_code == 403
    assert state(offer) == before


@pytest.mark.parametrize("action", ["change", "approve", "reject", "end"])
@pytest.mark.parametrize("object_id", ["0", "99999999999999999999"])
def test_an_offer_that_is_none_is_not_found(staff: Staff, action: str, object_id: str) -> None:
    assert staff("marketing").get(f"{LIST}{object_id}/{action}/").status_code == 404


@pytest.mark.parametrize(
    ("language", "refusal"),
    [("en", "This offer is “draft”"), ("ru", "Состояние предложения"), ("kk", "Ұсыныс күйі")],
)
def test_a_refusal_is_told_in_the_readers_language(staff: Staff, make_offer: Make, language: str, refusal: str) -> None:
    offer = make_offer("draft")

    page = staff("marketing", language=language).post(page_of(offer, "approve"), follow=True).content.decode()

    assert refusal in page
    assert state(offer) == "draft"


def test_who_submitted_does_not_approve(staff: Staff, make_offer: Make) -> None:
    offer = make_offer("draft")
    approval.submit(offer=offer, by="staff:erlan", now=offer.created_at)

    page = staff("marketing", name="erlan").post(page_of(offer, "approve"), follow=True).content.decode()

    assert "another person must decide" in page
    assert state(offer) == "submitted"


def test_staff_writes_no_offers(staff: Staff, make_offer: Make) -> None:
    offer, client = make_offer("draft"), staff("marketing")

    assert client.get(f"{LIST}add/").status_code == 403
    client.post(page_of(offer), {"title_ru": "Другая"})
    assert Offer.objects.get().title_ru == offer.title_ru


def partner_form(**changes: object) -> dict[str, object]:
    none = {f"members-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL", "MIN_NUM", "MAX_NUM")}
    return {"name": "Sinema", "slug": "sinema", "is_active": "on", "hosts": "", "price": "700", **none, **changes}


def test_a_partner_is_taken_on_with_its_hosts_and_its_price(staff: Staff) -> None:
    answer = staff("marketing").post(
        "/admin/campaigns/partner/add/", partner_form(hosts="Sinema.example\nwww.sinema.example\n")
    )

    made = Partner.objects.get()
    assert answer.status_code == 302
    assert (made.hosts, made.price) == (["sinema.example", "www.sinema.example"], 700)
    assert AuditEvent.objects.get(subject=f"partner:{made.pk}").by == "staff:marketing"


@pytest.mark.parametrize(
    "host", ["https://sinema.example", "sinema", "sin ema", "*.example", "evil.example/x", "a@b.cc"]
)
def test_what_is_no_host_is_refused(staff: Staff, host: str) -> None:
    page = staff("marketing").post("/admin/campaigns/partner/add/", partner_form(hosts=host)).content.decode()

    assert "is no host, such as shop.example" in page
    assert not Partner.objects.exists()


def test_a_partners_people_are_looked_at_only(staff: Staff, partner: Partner, at_noon: datetime) -> None:
    dana = User.objects.create_user("dana")
    PartnerMember.objects.create(user=dana, partner=partner, role="owner", joined_at=at_noon)
    client, page = staff("marketing"), f"/admin/campaigns/partner/{partner.pk}/change/"
    answered = {"members-TOTAL_FORMS": "1", "members-INITIAL_FORMS": "1", "members-0-role": "viewer"}

    assert "dana" in client.get(page).content.decode()
    client.post(page, partner_form(name="Arbat", slug="other", **answered))

    partner.refresh_from_db()
    assert (partner.name, partner.slug) == ("Arbat", "arbat")
    assert PartnerMember.objects.get().role == "owner"
    assert client.post(f"/admin/campaigns/partner/{partner.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Скидка: http://evil.example/x?y=1.", "http://evil.example/x?y=1"),
        ('=HYPERLINK("http://example.org";"Шины")', "http://example.org"),
        ("Заходите на arbat-coffee.kz/sale!", "arbat-coffee.kz/sale"),
        ("WWW.Other.Example сегодня", "WWW.Other.Example"),
        ("https://arbat.example/menu и https://menu.arbat.example", ""),
        ("Кофе -30%, чек от 2.500 тг, до 10.12.2026, т. 8 727 000 00 00", ""),
    ],
)
def test_who_approves_is_told_where_a_text_leads(staff: Staff, make_offer: Make, text: str, told: str) -> None:
    offer, client = make_offer("submitted", text_ru=text, text_kk=""), staff("marketing")

    page = html.unescape(client.get(page_of(offer)).content.decode())
    asked = html.unescape(client.get(page_of(offer, "approve")).content.decode())

    assert ("to addresses not agreed" in page) is bool(told)
    assert ("were not agreed with the partner" in asked) is bool(told)
    assert told in asked


def test_a_code_for_all_redeems_as_often_as_it_is_shown(partner: Partner, at_noon: datetime) -> None:
    draft = replace(DRAFT, codes="shared", shared_code="ARBAT30", text_ru="Код {code}", text_kk="Код {code}", uses=5)

    wrong = drafts.problems(draft, partner=partner, today=draft.valid_from)

    assert [(one.name, one.code) for one in wrong] == [("uses", "uses_of_shared")]
