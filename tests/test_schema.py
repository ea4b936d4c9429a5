"""The OpenAPI schema thrown at the real server by schemathesis: every answer is documented, none is a 500."""

import json
import re
from collections.abc import Callable
from secrets import token_hex
from typing import Any

import pytest
import requests
import schemathesis
from django.test import Client
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from requests.auth import HTTPBasicAuth
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bonuses import charging
from campaigns.models import Partner, PartnerClient, Upload
from campaigns.offers import approval
from core.access import auth, keys
from core.access.models import ApiClient
from core.lib import clock, signing
from enrollment.models import Membership, Subscriber
from smart.ussd.dialects import DIALECTS
from tests.campaigns.conftest import DRAFT, NOW

SCHEMA = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
BARE = {f"ussd-{name}" for name, dialect in DIALECTS.items() if dialect.proof == ApiClient.Proof.KEY}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def test_outsiders_read_no_rule_of_ours_by_its_id() -> None:
    said = json.dumps(SCHEMA.raw_schema, default=str) + "".join(charging.REFUSALS.values())

    assert re.findall(r"\b[BJMPS]\d{1,2}\b", said) == []


class Signed(requests.auth.AuthBase):
    """Signs each request as it leaves."""

    def __init__(self, key_id: str, secret: str) -> None:
        self.key_id, self.secret = key_id, secret

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        stamp, nonce = str(int(clock.machine().timestamp())), token_hex(16)
        body = request.body or b""
        raw = body if isinstance(body, bytes) else body.encode()
        signature = signing.sign(self.secret, request.method or "", request.path_url, stamp, nonce, raw)
        names = ("X-Smart-Key", "X-Smart-Timestamp", "X-Smart-Nonce", "X-Smart-Signature")
        request.headers.update(dict(zip(names, (self.key_id, stamp, nonce, signature), strict=True)))
        return request


def let_in(client: ApiClient) -> None:
    """Make it a partner's software that may do everything, with an offer and a file to ask for."""
    partner = Partner.objects.create(name="Arbat Coffee", slug="arbat", created_at=NOW)
    PartnerClient.objects.create(client=client, partner=partner, scopes=PartnerClient.Scope.values)
    approval.create(partner=partner, draft=DRAFT, by="partner:dana", now=NOW)
    Upload.objects.create(partner=partner, file_name="offers.csv", path="/nowhere", created_by="dana", created_at=NOW)


@pytest.fixture
def session_for(transactional_db: None) -> Callable[[str], requests.Session]:
    """A client that may call the path."""
    auth.forget_cached()

    made: dict[str, requests.Session] = {}

    def make(path: str) -> requests.Session:
        is_signed = "partners" not in path and resolve(path).url_name not in BARE
        kind = next((kind for kind in ("charging", "partner") if kind in path), "ussd")
        name = f"{kind}-{is_signed}"
        if name in made:
            return made[name]
        client = ApiClient.objects.create(
            name=name, kind=kind, proof="signature" if is_signed else "key", networks=["127.0.0.0/8"]
        )
        if kind == "partner":
            let_in(client)
        key, secret = keys.issue(client=client, by="test", now=clock.now())
        made[name] = requests.Session()
        made[name].auth = Signed(key.key_id, secret) if is_signed else HTTPBasicAuth(key.key_id, secret)
        return made[name]

    return make


@SCHEMA.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_a_documented_one(
    case: schemathesis.Case, live_server: Any, sessions: dict[str, requests.Session]
) -> None:
    answer = case.call(base_url=live_server.url, session=sessions[case.path])

    case.validate_response(answer, checks=CHECKS)
    assert not Membership.objects.exists()


@pytest.fixture
def sessions(
    session_for: Callable[[str], requests.Session], make_subscriber: Callable[..., Subscriber]
) -> dict[str, requests.Session]:
    """One for each path; and somebody who could be enrolled."""
    make_subscriber()
    return {operation.ok().path: session_for(operation.ok().path) for operation in SCHEMA.get_all_operations()}


@pytest.mark.django_db
def test_the_schema_is_served_with_its_page() -> None:
    client = Client()

    schema, page = client.get("/api/schema/"), client.get("/api/docs/")

    assert schema.status_code == page.status_code == 200
    assert b"/api/charging/v1/debits/" in schema.content
    assert b"https://" not in page.content.replace(b"https://spec.openapis.org", b"")
