"""Partners' own software: who may call, offers in TM Forum's words, codes, redemption, files."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from campaigns.codes import pool
from campaigns.models import Offer, Partner, PartnerClient, PromoCode, Redemption, Upload
from campaigns.offers.drafts import Draft
from campaigns.offers.uploads import deciding
from campaigns.offers.uploads import operations as uploads
from campaigns.offers.uploads.parsing import kept
from core.access import auth, keys
from core.access.models import ApiClient
from core.lib import clock, signing
from enrollment.models import Subscriber
from tests.campaigns import files
from tests.campaigns.conftest import NOW
from tests.races import race

pytestmark = pytest.mark.django_db
Stand = Callable[[datetime], None]

ROOT = "/api/partners/v1"
EVERYTHING = list(PartnerClient.Scope.values)
OFFER = {
    "title": {"ru": "Скидка 30% на всё меню"},
    "text": {"ru": "Кофейня «Арбат»: -30% на всё меню."},
    "category": "food",
    "validFor": {"startDateTime": "2026-12-01T00:00:00+05:00", "endDateTime": "2026-12-10T23:59:59+05:00"},
    "channels": ["sms", "ussd"],
}


@pytest.fixture(autouse=True)
def _frozen(stand_at: Stand) -> Iterator[None]:
    """An hour that stands, and nobody who failed before."""
    auth.forget_cached()
    cache.clear()
    stand_at(NOW)
    yield
    auth.forget_cached()
    cache.clear()


class Till:
    """A partner's software with a bare key."""

    def __init__(self, partner: Partner, *, scopes: list[str] = EVERYTHING, **fields: Any) -> None:
        client = ApiClient.objects.create(
            name=f"p{partner.pk}-{ApiClient.objects.count()}", **{"kind": "partner", "proof": "key", **fields}
        )
        PartnerClient.objects.create(client=client, partner=partner, scopes=scopes, made_by="partner:dana")
        self.key, self.secret = keys.issue(client=client, by="partner:dana", now=NOW)
        self.http = Client()
        self.basic = self.header(self.key.key_id, self.secret)

    @staticmethod
    def header(key_id: str, secret: str) -> str:
        return "Basic " + base64.b64encode(f"{key_id}:{secret}".encode()).decode()

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        raw = b"" if body is None else json.dumps(body).encode()
        given = {"Authorization": self.basic} | headers
        return self.http.generic(method, ROOT + path, raw, content_type="application/json", headers=given)

    def get(self, path: str) -> Any:
        return self.ask("GET", path)

    def post(self, path: str, body: object = None, **headers: str) -> Any:
        return self.ask("POST", path, body, **headers)


@pytest.fixture
def till(partner: Partner) -> Till:
    return Till(partner)


@pytest.fixture
def given(make_offer: Callable[..., Offer], make_subscriber: Callable[..., Subscriber]) -> PromoCode:
    """A member's code of Arbat Coffee's."""
    offer = make_offer("approved", codes="unique", text_ru="Код {code}", text_kk="", discount=30)
    pool.ensure_pool(offer=offer, count=1)
    code = PromoCode.objects.get(offer=offer)
    code.subscriber, code.given_at = make_subscriber(), NOW
    code.save()
    return code


def errors(answer: Any) -> set[tuple[str, str]]:
    assert answer["Content-Type"] == "application/problem+json"
    return {(one["field"], one["code"]) for one in answer.json()["errors"]}


# Who calls


def test_a_key_opens_by_basic_and_by_header_and_by_signature(partner: Partner, till: Till) -> None:
    other = Till(partner, proof="signature")
    stamp, nonce = str(int(clock.machine().timestamp())), "n" * 16
    signature = signing.sign(other.secret, "GET", f"{ROOT}/offers/", stamp, nonce, b"")
    signed = {"X-Smart-Key": other.key.key_id, "X-Smart-Timestamp": stamp, "X-Smart-Nonce": nonce}

    assert till.get("/offers/").status_code == 200
    assert till.ask("GET", "/offers/", **{"Authorization": "", "X-Api-Key": f"{till.key.key_id}.{till.secret}"}).json()
    for status in (200, 401):  # the second is a replay
        answer = other.ask("GET", "/offers/", **signed, **{"Authorization": "", "X-Smart-Signature": signature})
        assert answer.status_code == status


@pytest.mark.parametrize(
    "break_it",
    [
        lambda till: setattr(till, "basic", ""),
        lambda till: setattr(till, "basic", "Basic !!"),
        lambda till: setattr(till, "basic", Till.header(till.key.key_id, "wrong")),
        lambda till: setattr(till, "basic", Till.header("unknown", till.secret)),
        lambda till: keys.revoke(key=till.key, by="partner:dana", now=NOW),
        lambda till: ApiClient.objects.update(is_active=False),
        lambda till: ApiClient.objects.update(kind="charging"),
        lambda till: ApiClient.objects.update(proof="signature"),
        lambda till: ApiClient.objects.update(networks=["10.0.0.0/8"]),
        lambda till: Partner.objects.update(is_active=False),
        lambda till: PartnerClient.objects.all().delete(),
    ],
    ids=["none", "no base64", "secret", "key", "revoked", "shut", "kind", "proof", "address", "partner", "nobody's"],
)
def test_every_wrong_proof_gets_the_same_401(till: Till, break_it: Callable[[Till], object]) -> None:
    break_it(till)

    answer = till.get("/offers/")

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer["WWW-Authenticate"].startswith("Basic")


def test_a_bare_key_is_taken_over_https_alone(till: Till, settings: Any) -> None:
    settings.LOCAL = False

    assert till.get("/offers/").status_code == 401
    with_tls = till.http.get(f"{ROOT}/offers/", secure=True, headers={"Authorization": till.basic})
    assert with_tls.status_code == 200


def test_another_kind_of_client_still_needs_a_list_of_addresses(till: Till) -> None:
    """What is allowed to partners is allowed to nobody else."""
    gateway = ApiClient.objects.create(name="at", kind="ussd", proof="key")
    key, secret = keys.issue(client=gateway, by="test", now=NOW)

    answer = till.http.post("/api/ussd/v1/africastalking/", {}, headers={"X-Api-Key": f"{key.key_id}.{secret}"})

    assert answer.status_code == 401


def test_after_ten_wrong_secrets_a_minute_none_is_looked_at(till: Till) -> None:
    right, till.basic = till.basic, Till.header(till.key.key_id, "wrong")
    assert [till.get("/offers/").status_code for _ in range(11)] == [401] * 10 + [429]

    till.basic = right
    answer = till.get("/offers/")

    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (429, "too_many_failures", "60")


def test_one_keys_failures_do_not_shut_out_another(partner: Partner, till: Till) -> None:
    other = Till(partner)
    till.basic = Till.header(till.key.key_id, "wrong")
    for _ in range(20):
        till.get("/offers/")

    assert other.get("/offers/").status_code == 200


@pytest.mark.parametrize(
    ("scopes", "path", "body"),
    [
        (["redeem", "results"], "/offers/", None),
        (["redeem", "results"], "/uploads/1/", None),
        (["offers", "results"], "/redemptions/", {"code": "KB3HX8CE"}),
        ([], "/offers/", None),
    ],
)
def test_a_key_does_only_what_its_scopes_say(partner: Partner, scopes: list[str], path: str, body: object) -> None:
    answer = Till(partner, scopes=scopes).ask("POST" if body else "GET", path, body)

    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


def test_a_huge_request_is_refused_unread(till: Till) -> None:
    answer = till.post("/offers/", {"text": {"ru": "x" * 300_000}})

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


# Offers


def test_an_offer_is_made_and_read_in_tm_forums_words(till: Till) -> None:
    made = till.post("/offers/", {**OFFER, "discount": 30, "towns": ["almaty"], "minAge": 16})

    assert made.status_code == 201
    assert made["Location"] == made.json()["href"]
    read = till.get(made.json()["href"].removeprefix(ROOT))
    assert read.json() == made.json()
    offer = Offer.objects.get()
    assert read.json() == {
        "id": str(offer.pk),
        "href": f"{ROOT}/offers/{offer.pk}/",
        "name": "Скидка 30% на всё меню",
        "description": "Кофейня «Арбат»: -30% на всё меню.",
        "type": "discount",
        "lifecycleStatus": "draft",
        "validFor": OFFER["validFor"],
        "lastUpdate": "2026-11-21T12:00:00+05:00",
        "reason": "",
        "title": {"kk": "", "ru": "Скидка 30% на всё меню", "en": ""},
        "text": {"kk": "", "ru": "Кофейня «Арбат»: -30% на всё меню.", "en": ""},
        "category": "food",
        "channels": ["sms", "ussd"],
        "interests": [],
        "towns": ["almaty"],
        "discount": 30,
        "minAge": 16,
        "codes": "none",
        "sharedCode": "",
        "uses": 1,
        "phone": "",
        "url": "",
    }
    assert offer.created_by.startswith("api:")


def test_it_may_be_submitted_at_once_or_later(till: Till) -> None:
    at_once = till.post("/offers/", {**OFFER, "lifecycleStatus": "submitted"})
    later = till.post("/offers/", {**OFFER, "discount": 10})

    assert at_once.json()["lifecycleStatus"] == "submitted"
    assert later.json()["lifecycleStatus"] == "draft"
    submitted = till.post(f"/offers/{later.json()['id']}/submit/")
    assert (submitted.status_code, submitted.json()["lifecycleStatus"]) == (200, "submitted")
    again = till.post(f"/offers/{later.json()['id']}/submit/")
    assert (again.status_code, again.json()["code"]) == (409, "offer_wrong_state")


def test_whoever_submits_by_api_cannot_approve(till: Till) -> None:
    answer = till.post("/offers/", {**OFFER, "lifecycleStatus": "approved"})

    assert errors(answer) == {("lifecycleStatus", "invalid_choice")}
    assert not Offer.objects.exists()


def test_the_same_again_is_a_conflict_with_its_id(till: Till) -> None:
    first = till.post("/offers/", OFFER).json()

    again = till.post("/offers/", OFFER)

    assert again.status_code == 409
    assert {name: again.json()[name] for name in ("code", "id", "href")} == {
        "code": "same_offer",
        "id": first["id"],
        "href": first["href"],
    }
    assert Offer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_eight_times_at_once_is_made_once(till: Till) -> None:
    answers = race(*[lambda: till.post("/offers/", OFFER).status_code] * 8)

    assert sorted(answers) == [201] + [409] * 7
    assert Offer.objects.count() == 1


def test_a_failed_submission_leaves_no_draft(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise pool.NoPool

    monkeypatch.setattr("campaigns.offers.approval.submit", refuse)

    assert till.post("/offers/", {**OFFER, "lifecycleStatus": "submitted"}).status_code == 409
    assert not Offer.objects.exists()


def test_everything_wrong_is_told_at_once_by_field(till: Till) -> None:
    wrong = {
        **OFFER,
        "title": {"ru": "я" * 81},
        "category": "alcohol",
        "validFor": {"startDateTime": "2026-12-05T00:00:00+05:00", "endDateTime": "2026-11-30T23:59:59+05:00"},
        "channels": ["push"],
        "codes": "shared",
        "sharedCode": "=1+1",
        "url": "http://elsewhere.example/",
    }

    answer = till.post("/offers/", wrong)

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_offer")
    assert errors(answer) == {
        ("title.ru", "long_title"),
        ("category", "category_refused"),
        ("validFor.endDateTime", "dates_reversed"),
        ("channels", "channel_unknown"),
        ("text.ru", "code_nowhere"),
        ("sharedCode", "shared_code_wrong"),
        ("url", "url_wrong"),
    }


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"titel": {}}, ("titel", "unknown_field")),
        ({"title": {"de": "Kaffee"}}, ("title.de", "unknown_field")),
        ({"title": "Кофе"}, ("title", "invalid")),
        ({"title": {"ru": 7}}, ("title.ru", "invalid")),
        ({"text": {"ru": "Чай\x00"}}, ("text.ru", "null_characters_not_allowed")),
        ({"text": {"ru": "Чай\ud800"}}, ("text.ru", "surrogate_characters_not_allowed")),
        ({"validFor": "2026"}, ("validFor", "invalid")),
        ({"validFor": {"startDateTime": "2026-12-01T00:00:00+05:00"}}, ("validFor.endDateTime", "required")),
        ({"discount": "30"}, ("discount", "invalid")),
        ({"discount": 10**30}, ("discount", "max_value")),
        ({"channels": "sms"}, ("channels", "not_a_list")),
        ({"towns": [1]}, ("towns.0", "invalid")),
        ({"codes": "magic"}, ("codes", "invalid_choice")),
        ({"uses": 1.5}, ("uses", "invalid")),
    ],
)
def test_what_does_not_fit_the_schema_is_told_by_field(
    till: Till, change: dict[str, object], problem: tuple[str, str]
) -> None:
    answer = till.post("/offers/", OFFER | change)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert errors(answer) == {problem}


@pytest.mark.parametrize(
    ("start", "end", "is_taken"),
    [
        ("2026-12-01T00:00:00+05:00", "2026-12-10T23:59:59+05:00", True),
        ("2026-11-30T19:00:00Z", "2026-12-10T18:59:59Z", True),
        ("2026-12-01T00:00:00Z", "2026-12-10T23:59:59+05:00", False),
        ("2026-12-01T00:00:00+05:00", "2026-12-11T00:00:00+05:00", False),
        ("2026-12-01", "2026-12-10", False),
        ("0001-01-01T00:00:00+23:59", "2026-12-10T23:59:59+05:00", False),
        ("2026-12-01T00:00:00+05:00", "9999-12-31T23:59:59-23:59", False),
    ],
)
def test_an_offer_lasts_whole_days_of_astana(till: Till, start: str, end: str, is_taken: bool) -> None:
    answer = till.post("/offers/", {**OFFER, "validFor": {"startDateTime": start, "endDateTime": end}})

    assert answer.status_code == (201 if is_taken else 422)
    if is_taken:
        assert answer.json()["validFor"] == OFFER["validFor"]


def test_a_change_changes_what_it_names(till: Till, make_offer: Callable[..., Offer]) -> None:
    offer = make_offer("approved", discount=30)

    answer = till.ask("PATCH", f"/offers/{offer.pk}/", {"discount": None, "text": {"kk": ""}})

    assert answer.status_code == 200
    assert (answer.json()["discount"], answer.json()["type"]) == (None, "information")
    assert answer.json()["text"] == {"kk": "", "ru": offer.text_ru, "en": ""}
    assert answer.json()["lifecycleStatus"] == "submitted"  # back to approval


def test_what_was_read_may_be_sent_back(till: Till) -> None:
    made = till.post("/offers/", {**OFFER, "codes": "shared", "sharedCode": "ARBAT30", "text": {"ru": "Код {code}"}})
    body = {name: value for name, value in made.json().items() if name != "lifecycleStatus"}

    answer = till.ask("PATCH", f"/offers/{body['id']}/", body)

    assert (answer.status_code, answer.json()) == (200, made.json())


@pytest.mark.django_db(transaction=True)
def test_two_changes_at_once_are_both_kept(till: Till, make_offer: Callable[..., Offer]) -> None:
    offer = make_offer()

    race(
        lambda: till.ask("PATCH", f"/offers/{offer.pk}/", {"discount": 45}),
        lambda: till.ask("PATCH", f"/offers/{offer.pk}/", {"minAge": 21}),
    )

    offer.refresh_from_db()
    assert (offer.discount, offer.min_age) == (45, 21)


def test_what_has_ended_is_changed_no_more(till: Till, make_offer: Callable[..., Offer]) -> None:
    answer = till.ask("PATCH", f"/offers/{make_offer('ended').pk}/", {"discount": 45})

    assert (answer.status_code, answer.json()["code"]) == (409, "offer_wrong_state")


def test_a_rejection_is_read_with_its_reason(till: Till, make_offer: Callable[..., Offer]) -> None:
    answer = till.get(f"/offers/{make_offer('rejected').pk}/").json()

    assert (answer["lifecycleStatus"], answer["reason"]) == ("rejected", "Чек")


def test_lists_go_page_by_page_and_hold_the_partners_own(
    till: Till, stranger: Partner, make_offer: Callable[..., Offer]
) -> None:
    mine = [make_offer(discount=number).pk for number in range(1, 6)]
    make_offer(of=stranger)

    pages, cursor = [], ""
    while cursor is not None:
        answer = till.get(f"/offers/?limit=2{f'&cursor={cursor}' if cursor else ''}").json()
        pages.append([int(offer["id"]) for offer in answer["results"]])
        cursor = answer["next"]

    assert pages == [mine[:2:-1], mine[2:0:-1], mine[:1]]


def test_a_page_that_is_just_full_is_the_last(till: Till, make_offer: Callable[..., Offer]) -> None:
    for number in (1, 2):
        make_offer(discount=number)

    assert till.get("/offers/?limit=2").json()["next"] is None


def test_lists_are_filtered_by_state(till: Till, make_offer: Callable[..., Offer]) -> None:
    make_offer()
    wanted = make_offer("rejected", discount=20)

    answer = till.get("/offers/?lifecycleStatus=rejected").json()

    assert [offer["id"] for offer in answer["results"]] == [str(wanted.pk)]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=0", "cursor=9223372036854775808", "lifecycleStatus=x"],
)
def test_a_list_that_cannot_be_is_refused(till: Till, query: str) -> None:
    answer = till.get(f"/offers/?{query}")

    assert answer.status_code == 422
    assert {field for field, _code in errors(answer)} == {query.split("=")[0]}


def test_a_list_costs_the_same_however_long(
    till: Till, make_offer: Callable[..., Offer], django_assert_num_queries: Any
) -> None:
    for number in range(1, 4):
        make_offer(discount=number)
    till.get("/offers/")  # the key is remembered

    with django_assert_num_queries(2):  # whose key, the offers
        assert len(till.get("/offers/").json()["results"]) == 3


# Codes


def test_a_partner_brings_its_own_codes(till: Till, make_offer: Callable[..., Offer]) -> None:
    offer = make_offer(codes="unique", text_ru="Код {code}", text_kk="")

    answer = till.post(f"/offers/{offer.pk}/codes/", {"codes": ["ARBAT1", "arbat2"]})

    assert (answer.status_code, answer.json()) == (201, {"added": 2})
    assert set(offer.pool.values_list("code", flat=True)) == {"ARBAT1", "ARBAT2"}


def test_wrong_codes_are_named_by_their_place(till: Till, make_offer: Callable[..., Offer]) -> None:
    offer = make_offer(codes="unique", text_ru="Код {code}", text_kk="")

    answer = till.post(f"/offers/{offer.pk}/codes/", {"codes": ["ARBAT1", "x", "ARBAT1"]})

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_codes")
    assert errors(answer) == {("codes.1", "code_wrong"), ("codes.2", "code_twice")}
    assert not PromoCode.objects.exists()


def test_codes_come_for_offers_that_give_them(till: Till, make_offer: Callable[..., Offer]) -> None:
    answer = till.post(f"/offers/{make_offer().pk}/codes/", {"codes": ["ARBAT1"]})

    assert (answer.status_code, answer.json()["code"]) == (409, "offer_without_pool")


# Redemption

VALID = datetime.fromisoformat("2026-12-05T12:00:00+05:00")


def test_a_till_redeems_a_code_and_learns_nothing_of_its_owner(till: Till, given: PromoCode, stand_at: Stand) -> None:
    stand_at(VALID)
    answer = till.post("/redemptions/", {"code": given.code.lower(), "receipt": "till-7/1"})

    assert answer.status_code == 201
    done = Redemption.objects.get()
    assert (done.subscriber, done.by) == (given.subscriber, f"api:{till.key.client.name}")
    assert answer.json() == {
        "id": str(done.pk),
        "offer": {
            "id": str(given.offer_id),
            "href": f"{ROOT}/offers/{given.offer_id}/",
            "name": "Скидка 30% на всё меню",
            "discount": 30,
        },
        "redeemedAt": "2026-12-05T12:00:00+05:00",
        "receipt": "till-7/1",
    }


def test_the_same_receipt_gets_the_same_answer(till: Till, given: PromoCode, stand_at: Stand) -> None:
    stand_at(VALID)
    first, second = [till.post("/redemptions/", {"code": given.code, "receipt": "1"}) for _ in range(2)]
    used = till.post("/redemptions/", {"code": given.code, "receipt": "2"})

    assert first.json() == second.json()
    assert (used.status_code, used.json()["code"]) == (409, "code_used")


def test_another_partners_code_is_like_no_code(
    till: Till, stranger: Partner, given: PromoCode, stand_at: Stand
) -> None:
    other = Till(stranger)

    def told(who: Till, code: str) -> dict[str, object]:
        answer = who.post("/redemptions/", {"code": code}).json()
        return {name: value for name, value in answer.items() if name != "instance"}

    stand_at(VALID)
    assert told(other, given.code) == told(other, pool.generate(1)[0])
    assert told(other, given.code)["code"] == "unknown_code"
    assert not Redemption.objects.exists()


def test_guessing_ends_with_a_time_to_wait(till: Till, given: PromoCode, stand_at: Stand) -> None:
    stand_at(VALID)
    answers = [till.post("/redemptions/", {"code": code}) for code in pool.generate(10)]
    refused = till.post("/redemptions/", {"code": given.code})

    assert {answer.json()["code"] for answer in answers} == {"unknown_code"}
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_guesses")
    assert refused["Retry-After"] == "60"


@pytest.mark.parametrize(
    "body", [{}, {"code": ""}, {"code": 1}, {"code": "A" * 61}, {"code": "ABCD", "receipt": "a b"}]
)
def test_a_redemption_that_does_not_fit_is_refused(till: Till, body: object) -> None:
    assert till.post("/redemptions/", body).status_code == 422


# Files


def test_offers_come_by_the_file(till: Till, partner: Partner, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    name, content = "offers.csv", uploads.template_csv()
    sent = till.http.post(
        f"{ROOT}/uploads/",
        {"file": SimpleUploadedFile(name, content if isinstance(content, bytes) else content.encode())},
        headers={"Authorization": till.basic},
    )
    assert sent.status_code == 202, sent.content
    path = sent["Location"].removeprefix(ROOT)
    assert till.get(path).json()["status"] == "uploaded"
    early = till.post(f"{path}confirm/")
    assert (early.status_code, early.json()["code"]) == (409, "upload_not_waiting")

    Upload.objects.update(phase="parsed", rows=2, rows_done=2, good=1)
    upload = Upload.objects.get()
    empty = kept(Draft())
    upload.lines.create(number=2, errors=[["valid_to", "dates_over", {"to": "2026-11-05"}]], understood=empty)
    upload.lines.create(number=3, errors=[["", "same_row", {"row": 2}]], understood=empty)
    read = till.get(f"{path}?limit=1").json()

    assert {name: read[name] for name in ("fileName", "status", "rows", "rowsRead", "rowsGood", "reason", "next")} == {
        "fileName": "offers.csv",
        "status": "parsed",
        "rows": 2,
        "rowsRead": 2,
        "rowsGood": 1,
        "reason": "",
        "next": "2",
    }
    assert [(row["row"], row["errors"][0]["field"], row["errors"][0]["code"]) for row in read["results"]] == [
        (2, "validFor.endDateTime", "dates_over")
    ]
    assert till.get(f"{path}?cursor=2").json()["results"][0]["row"] == 3


def test_what_was_understood_of_a_row_is_told(till: Till, settings: Any, tmp_path: Path) -> None:
    """Towns by their codes, days as instants, per cents as a number; what was not understood is empty."""
    settings.MEDIA_ROOT = tmp_path
    rows = [
        files.row(towns="Нур-Султан, Орал", valid_from="05.12.2099", valid_to="2099-12-10", discount="30 %"),
        files.row(towns="Атлантида", valid_from="", valid_to="x", discount="half", title_ru="Другое"),
    ]
    file = SimpleUploadedFile("offers.csv", files.text(*rows).encode())
    sent = till.http.post(f"{ROOT}/uploads/", {"file": file}, headers={"Authorization": till.basic})
    uploads.read_waiting(now=clock.now())

    good, bad = (row["understood"] for row in till.get(sent["Location"].removeprefix(ROOT)).json()["results"])

    assert (good["towns"], good["discount"]) == (["astana", "oral"], 30)
    assert good["validFor"] == {
        "startDateTime": "2099-12-05T00:00:00+05:00",
        "endDateTime": "2099-12-10T23:59:59+05:00",
    }
    assert (bad["towns"], bad["discount"], bad["validFor"], bad["title"]["ru"]) == ([], None, {}, "Другое")


def test_many_rows_are_imported_by_a_worker(
    till: Till, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(deciding, "IN_REQUEST", 1)
    rows = [files.row(title_ru=f"Скидка {number}") for number in range(2)]
    file = SimpleUploadedFile("offers.csv", files.text(*rows).encode())
    sent = till.http.post(f"{ROOT}/uploads/", {"file": file}, headers={"Authorization": till.basic})
    path = sent["Location"].removeprefix(ROOT)
    uploads.read_waiting(now=clock.now())

    answer = till.post(f"{path}confirm/")
    again = till.post(f"{path}confirm/")

    assert (answer.status_code, answer.json()["status"], answer["Location"]) == (202, "accepted", f"{ROOT}{path}")
    assert (again.status_code, again.json()["code"]) == (409, "upload_not_waiting")
    assert deciding.import_confirmed(now=clock.now()) == 1
    assert till.get(path).json()["status"] == "imported"
    assert [row["offer"] is not None for row in till.get(path).json()["results"]] == [True, True]


def test_a_file_that_is_too_large_is_refused_unread(till: Till) -> None:
    file = SimpleUploadedFile("offers.csv", b"x" * (6 << 20))

    answer = till.http.post(f"{ROOT}/uploads/", {"file": file}, headers={"Authorization": till.basic})

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert not Upload.objects.exists()


def test_an_upload_needs_a_file(till: Till) -> None:
    answer = till.http.post(f"{ROOT}/uploads/", {}, headers={"Authorization": till.basic})

    assert answer.status_code == 422
    assert errors(answer) == {("file", "required")}


# The command line


def test_a_key_comes_from_the_command_line_too(capsys: pytest.CaptureFixture[str], partner: Partner) -> None:
    call_command("issue_partner_key", "arbat", "till", "--scope", "offers")

    key_id, secret = [line.partition("=")[2] for line in capsys.readouterr().out.splitlines()]
    http = Client(headers={"X-Api-Key": f"{key_id}.{secret}"})
    assert http.get(f"{ROOT}/offers/").status_code == 200
    assert http.post(f"{ROOT}/redemptions/", {"code": "ABCD"}, content_type="application/json").status_code == 403


def test_asked_again_it_gives_the_same_program_another(partner: Partner) -> None:
    for _ in range(2):
        call_command("issue_partner_key", "arbat", "till")

    with pytest.raises(CommandError, match="two live keys"):
        call_command("issue_partner_key", "arbat", "till")
    call_command("issue_partner_key", "arbat", "till", "--replace")
    with pytest.raises(CommandError, match="of this name"):
        call_command("issue_partner_key", "arbat", "till", "--proof", "signature")
    assert PartnerClient.objects.get().client.keys.filter(revoked_at=None).count() == 2


def test_it_makes_a_partner_that_is_not_there(db: None) -> None:
    call_command("issue_partner_key", "doc-arbat", "till")

    assert PartnerClient.objects.get().partner == Partner.objects.get(slug="doc-arbat")
