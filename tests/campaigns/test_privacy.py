"""No number reaches a partner in any form, whatever page, file, answer, mail or log one looks into (M6)."""

import base64
import hashlib
import logging
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client

from campaigns.campaign import lifecycle
from campaigns.codes import redemption
from campaigns.models import Campaign, Offer, Partner, PromoCode, PublishedResult, Redemption, Statement
from campaigns.partners import accounts
from campaigns.results import publishing, statement
from core.access import auth
from core.access.models import ApiClient
from core.lib import crypto
from core.lib.logs import MaskingFormatter
from enrollment.models import Subscriber
from messaging import outbox
from messaging.models import Message
from smart import programme
from smart.local import simulated
from smart.local.population import make_members
from tests.bonuses.conftest import enroll
from tests.campaigns.portal.conftest import person, signed_in
from tests.campaigns.test_campaigns import NOW, make_campaign
from tests.campaigns.test_partner_urls import METHODS, OTHERS, OWNED, path_of, walked

__all__ = ["make_campaign"]
pytestmark = pytest.mark.django_db(transaction=True)  # the gate commits

CANARIES = ("77010000001", "77010000002", "77010000003", "77010000000")  # the last is what made-up members show


def spellings(number: str) -> set[str]:
    """How people and machines write a number."""
    ten = number[1:]
    a, b, c, d = ten[:3], ten[3:6], ten[6:8], ten[8:]
    tails = {
        ten, f"{a} {b} {c} {d}", f"{a}-{b}-{c}-{d}", f"{a} {b}-{c}-{d}", f"({a}) {b}-{c}-{d}", f"({a}) {b} {c} {d}",
        f"{a}.{b}.{c}.{d}", f"{a} {b} {c}{d}", f"{a}-{b}-{c}{d}", f"{a}\u00a0{b}\u00a0{c}\u00a0{d}",
    }  # fmt: skip
    heads = ("", "7", "8", "+7", "7 ", "8 ", "+7 ", "7-", "8-", "+7-", "007", "tel:+7")
    return {head + tail for head in heads for tail in tails}


def encoded(spelling: str) -> Iterator[bytes]:
    """A spelling in every disguise that keeps whose it is."""
    raw = spelling.encode()
    yield from (raw, quote(spelling, safe="").encode(), quote_plus(spelling).encode(), raw.hex().encode())
    for before in range(3):  # wherever in a longer text it stood
        whole = base64.b64encode(b"\0" * before + raw)
        yield whole[4 * (before > 0) + (before > 0) : len(whole) - 4] if len(raw) > 8 else whole
    for name in ("md5", "sha1", "sha256"):
        digest = hashlib.new(name, raw)
        yield from (digest.hexdigest().encode(), base64.b64encode(digest.digest()).rstrip(b"="))
        yield base64.urlsafe_b64encode(digest.digest()).rstrip(b"=")


def needles() -> frozenset[bytes]:
    """Everything that would give a canary away, in lower case."""
    found = {form.lower() for number in CANARIES for spelling in spellings(number) for form in encoded(spelling)}
    for number in CANARIES:
        index = crypto.blind_index(number)
        found |= {index.hex().encode(), base64.b64encode(index).rstrip(b"=").lower()}
    return frozenset(found)


NEEDLES = needles()
_LONGEST_FIRST = re.compile(b"|".join(re.escape(one) for one in sorted(NEEDLES, key=len, reverse=True)))


def betrayed(content: bytes) -> list[bytes]:
    """What of a canary stands in it."""
    return _LONGEST_FIRST.findall(content.lower())


def contents(answer: Any) -> bytes:
    """An answer with its headers and cookies; what is packed in it (workbook, PDF) unpacked."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    head = "\n".join(f"{name}: {value}" for name, value in answer.items()) + str(answer.cookies)
    if body.startswith(b"PK"):
        with zipfile.ZipFile(BytesIO(body)) as book:
            body += b"".join(book.read(name) for name in book.namelist())
    if body.startswith(b"%PDF"):
        packed = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", body, re.DOTALL)
        body += b"".join(_unpacked(stream) for stream in packed)
    return head.encode() + b"\n" + body


def _unpacked(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return stream


@pytest.mark.parametrize(
    "planted",
    [
        "77010000001", "+7 (701) 000-00-02", "8 701 000 00 03", "tel:+77010000001", "%2B7%20701%20000%2000%2001",
        hashlib.md5(b"77010000001").hexdigest(), hashlib.sha1(b"+77010000002").hexdigest().upper(),
        hashlib.sha256(b"87010000003").hexdigest(), base64.b64encode(b"7010000001").decode(),
        base64.b64encode(b'{"msisdn": "77010000001"}').decode(),
        base64.b64encode(hashlib.md5(b"77010000001").digest()).decode(),
    ],
)  # fmt: skip
def test_the_search_finds_what_is_planted(planted: str) -> None:
    """Else the test below would find nothing whatever there was."""
    assert betrayed(f"<td>{planted}</td>".encode())


def test_the_search_finds_nothing_where_nothing_is() -> None:
    assert betrayed(b"<td>77010000099</td> 1700000001 +7 (727) 258-83-00") == []


@pytest.fixture
def canaries(make_subscriber: Callable[..., Subscriber]) -> list[Subscriber]:
    """Three members with known numbers."""
    people = [make_subscriber(msisdn=number, language="ru") for number in CANARIES[:3]]
    for one in people:
        enroll(one, NOW - timedelta(days=40))
    return people


@pytest.fixture
def ended(
    canaries: list[Subscriber],
    make_campaign: Callable[..., Campaign],
    make_offer: Callable[..., Offer],
    partner: Partner,
    at: Callable[[datetime], None],
) -> Campaign:
    """A whole campaign, to canaries and so many others that figures are told, up to the bill."""
    cache.clear()
    auth.forget_cached()
    make_members(1_500)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE enrollment_membership SET consents = 63 WHERE joined_by = 'made-up'")
        cursor.execute("UPDATE enrollment_subscriber SET language = 'ru' WHERE tariff = 'made-up'")
    outbox.make_partitions(now=NOW)
    outbox.confirm_epoch(by="test", reason="a test database", now=NOW)
    Partner.objects.update(price=900)
    campaign = make_campaign(make_offer("approved", codes="unique", text_ru="Код {code}", text_kk=""))
    lifecycle.launch(campaign=campaign, by="staff:aidana", now=NOW)
    lifecycle.feed(now=NOW)
    simulated.deliver(now=NOW, taste=simulated.Taste(out_of_reach=0, unreported=0))
    for canary in canaries:
        code = PromoCode.objects.get(subscriber=canary)
        redemption.redeem(
            partner=partner, code=code.code, by="till", now=NOW + timedelta(hours=1), receipt=f"r{code.pk}"
        )
    programme.opt_out(subscriber=canaries[0], by="ussd", now=NOW + timedelta(hours=2))
    later = NOW + timedelta(days=6)
    lifecycle.feed(now=later)
    publishing.publish(campaign=campaign, now=later)
    statement.issue(month=NOW.date().replace(day=1), now=NOW + timedelta(days=34))
    at(later)
    campaign.refresh_from_db()
    return campaign


def partner_addresses() -> list[str]:
    return sorted(route for route, _pattern in walked() if route.startswith(("partners/", "api/partners/")))


def objects(partner: Partner, make_offer: Callable[..., Offer]) -> dict[str, dict[str, object]]:
    """What to ask each address with: the campaign's own offer and statement, else an object made for it."""
    offer, billed = Offer.objects.get(), Statement.objects.get(partner=partner)
    own: dict[str, dict[str, object]] = {}
    made: dict[object, dict[str, object]] = {}
    for route, maker in OWNED.items():
        if "offers/" in route:
            own[route] = {"pk": offer.pk, "offer_id": offer.pk}
        elif "statements/" in route:
            own[route] = {"year": billed.month.year, "month": billed.month.month}
        else:
            own[route] = made[maker] = made.get(maker) or maker(partner, make_offer)[1]
    return own


def test_no_partner_learns_a_number(
    ended: Campaign,
    partner: Partner,
    make_offer: Callable[..., Offer],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Every address of the URL table, each method, in the portal and in the API; then mail, logs and rows behind it."""
    caplog.set_level(logging.INFO)
    assert Message.objects.filter(campaign=ended.pk, state="delivered").count() > 1_400
    assert Redemption.objects.count() == 3
    browser, software = _portal(partner), _software(partner)
    own, asked = objects(partner, make_offer), 0
    answers: dict[str, bytes] = {}

    for route in partner_addresses():
        for path in _others(route) if route in OTHERS else [path_of(route, own.get(route, {}))]:
            for method in METHODS if "logout" not in route else ("GET",):
                answer = (software if route.startswith("api/") else browser)(method, path)
                asked += answer.status_code == 200
                answers[f"{method} {path}"] = contents(answer)
    _redeem_everywhere(browser, software, answers)

    assert asked > 30
    assert "1500" in answers["GET /partners/results/"].decode() or "1600" in answers["GET /partners/results/"].decode()
    assert {address: found for address, content in answers.items() if (found := betrayed(content))} == {}
    assert betrayed("\n".join(str(message.message()) for message in mail.outbox).encode()) == []
    written = [MaskingFormatter().format(_with_id(record)) for record in caplog.records]
    raw = [record.getMessage() + repr(record.args) for record in caplog.records]
    assert betrayed("\n".join(written + raw).encode()) == []
    assert betrayed(_rows().encode()) == []


def _with_id(record: logging.LogRecord) -> logging.LogRecord:
    record.request_id = "-"
    return record


def _portal(partner: Partner) -> Callable[[str, str], Any]:
    browser = signed_in(person(partner, "dana", "owner").user)
    accounts.invite(partner=partner, email="new@arbat.example", role="viewer", by="partner:dana", now=NOW)
    return lambda method, path: browser.generic(method, path)


def _software(partner: Partner) -> Callable[..., Any]:
    _made, key_id, secret = accounts.connect(
        partner=partner,
        name="asker",
        scopes=["offers", "results", "redeem"],
        by="partner:dana",
        now=NOW,
        proof=ApiClient.Proof.KEY,
    )

    def ask(method: str, path: str, body: str = "") -> Any:
        headers = {"X-Api-Key": f"{key_id}.{secret}"}
        return Client().generic(method, path, body, content_type="application/json", headers=headers)

    return ask


def _others(route: str) -> list[str]:
    """Addresses whose parameters are no object's."""
    if "results" in route:
        return ["/partners/results/results.csv", "/partners/results/results.xlsx"]
    if "template" in route:
        return ["/partners/uploads/template.csv", "/partners/uploads/template.xlsx"]
    return ["/partners/join/no-such-token/"] if "join" in route else ["/partners/account/password/reset/key/1-x/"]


def _redeem_everywhere(
    browser: Callable[[str, str], Any], software: Callable[..., Any], answers: dict[str, bytes]
) -> None:
    """A canary's own code again, at the till and by software: what is used answers too."""
    for code in PromoCode.objects.filter(subscriber_id__in=Redemption.objects.values("subscriber_id")):
        answers[f"till {code.pk}"] = contents(browser("GET", f"/partners/redeem/?code={code.code}"))
        body = f'{{"code": "{code.code}", "receipt": "again-{code.pk}"}}'
        answers[f"software {code.pk}"] = contents(software("POST", "/api/partners/v1/redemptions/", body))
    for code in PromoCode.objects.filter(used=0, subscriber__isnull=False).order_by("pk")[:2]:
        body = f'{{"code": "{code.code}", "receipt": "new-{code.pk}"}}'
        answers[f"software {code.pk}"] = contents(software("POST", "/api/partners/v1/redemptions/", body))


def _rows() -> str:
    """What partners' pages are made of, as the tables hold it."""
    written = [*PublishedResult.objects.values(), *Statement.objects.values(), *Redemption.objects.values()]
    return f"{written}{list(PromoCode.objects.values_list('code'))}"
