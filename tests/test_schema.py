"""The OpenAPI schema thrown at the real server by schemathesis: every answer is documented, none is a 500."""

import time
from collections.abc import Callable
from secrets import token_hex
from typing import Any

import pytest
import requests
import schemathesis
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from requests.auth import HTTPBasicAuth
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from enrollment.models import Membership, Subscriber
from smart.access import auth, keys
from smart.access.models import ApiClient
from smart.lib import clock, signing

SCHEMA = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


class Signed(requests.auth.AuthBase):
    """Signs each request as it leaves."""

    def __init__(self, key_id: str, secret: str) -> None:
        self.key_id, self.secret = key_id, secret

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        stamp, nonce = str(int(time.time())), token_hex(16)
        body = request.body or b""
        raw = body if isinstance(body, bytes) else body.encode()
        signature = signing.sign(self.secret, request.method or "", request.path_url, stamp, nonce, raw)
        names = ("X-Smart-Key", "X-Smart-Timestamp", "X-Smart-Nonce", "X-Smart-Signature")
        request.headers.update(dict(zip(names, (self.key_id, stamp, nonce, signature), strict=True)))
        return request


@pytest.fixture
def session_for(transactional_db: None) -> Callable[[str], requests.Session]:
    """A client that may call the path."""
    auth.forget_cached()

    def make(path: str) -> requests.Session:
        is_signed = "africastalking" not in path and "comviva" not in path
        kind = "charging" if "charging" in path else "ussd"
        client, _made = ApiClient.objects.get_or_create(
            name=f"{kind}-{is_signed}",
            defaults={"kind": kind, "proof": "signature" if is_signed else "key", "networks": ["127.0.0.0/8"]},
        )
        key, secret = keys.issue(client=client, by="test", now=clock.now())
        session = requests.Session()
        session.auth = Signed(key.key_id, secret) if is_signed else HTTPBasicAuth(key.key_id, secret)
        return session

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
