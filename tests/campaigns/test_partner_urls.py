"""A partner's object is not there for another partner, at any address: the walk of the URL table leaves none out."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.forms.models import model_to_dict
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, get_resolver

from campaigns.models import Offer, Partner, Statement, Upload
from campaigns.partners import accounts
from core.access import auth
from core.access.models import ApiClient, ApiKey
from surveys.models import Survey
from tests.campaigns.conftest import NOW
from tests.campaigns.portal.conftest import clock_stands, fresh_limits, person, signed_in

__all__ = ["clock_stands", "fresh_limits"]
pytestmark = pytest.mark.django_db

ROOTS = ("partners/", "api/partners/")
METHODS = ("GET", "POST", "PATCH")

# Each makes an object of the partner's; returns it with what the address's parameters are for it.
Made = tuple[Any, dict[str, object]]
Maker = Callable[[Partner, Callable[..., Offer]], Made]


def an_offer(state: str, **fields: object) -> Maker:
    def make(partner: Partner, make_offer: Callable[..., Offer]) -> Made:
        offer = make_offer(state, of=partner, **fields)
        return offer, {"pk": offer.pk, "offer_id": offer.pk}

    return make


def an_upload(partner: Partner, make_offer: Callable[..., Offer]) -> Made:
    upload = Upload.objects.create(
        partner=partner,
        file_name="offers.csv",
        path="/nowhere",
        phase="parsed",
        created_by="partner:dana",
        created_at=NOW,
    )
    return upload, {"pk": upload.pk, "upload_id": upload.pk}


def a_key(partner: Partner, make_offer: Callable[..., Offer]) -> Made:
    made, key_id, _secret = accounts.connect(partner=partner, name="till", scopes=[], by="partner:dana", now=NOW)
    return ApiKey.objects.get(client=made.client), {"pk": made.pk, "key_id": key_id}


def an_invitation(partner: Partner, make_offer: Callable[..., Offer]) -> Made:
    made, _token = accounts.invite(partner=partner, email="a@b.example", role="viewer", by="partner:dana", now=NOW)
    return made, {"pk": made.pk}


def a_member(partner: Partner, make_offer: Callable[..., Offer]) -> Made:
    member = person(partner, "vera", "viewer")
    return member, {"pk": member.pk}


def a_statement(partner: Partner, make_offer: Callable[..., Offer]) -> Made:
    made = Statement.objects.create(partner=partner, month=date(2026, 10, 1), messages=0, price=0, issued_at=NOW)
    return made, {"year": 2026, "month": 10}


def a_survey(partner: Partner, make_offer: Callable[..., Offer]) -> Made:
    made = Survey.objects.create(
        name="Coffee",
        title_ru="Кофе",
        languages=["ru"],
        channels=["sms"],
        sponsor=partner,
        state="finished",
        starts_at=NOW - timedelta(days=9),
        ends_at=NOW - timedelta(days=1),
        finished_at=NOW,
        launched_at=NOW - timedelta(days=9),
        created_by="staff:asel",
        created_at=NOW,
    )
    return made, {"pk": made.pk}


DRAFT, SUBMITTED, APPROVED = an_offer("draft"), an_offer("submitted"), an_offer("approved")
WITH_POOL = an_offer("approved", codes="unique", text_ru="Код {code}", text_kk="")

# Every address whose parameters name an object of a partner's, and how that is made.
OWNED: dict[str, Maker] = {
    "api/partners/v1/offers/<int:offer_id>/": DRAFT,
    "api/partners/v1/offers/<int:offer_id>/submit/": DRAFT,
    "api/partners/v1/offers/<int:offer_id>/codes/": WITH_POOL,
    "api/partners/v1/uploads/<int:upload_id>/": an_upload,
    "api/partners/v1/uploads/<int:upload_id>/confirm/": an_upload,
    "partners/offers/<int:pk>/": DRAFT,
    "partners/offers/<int:pk>/edit/": DRAFT,
    "partners/offers/<int:pk>/submit/": DRAFT,
    "partners/offers/<int:pk>/withdraw/": SUBMITTED,
    "partners/offers/<int:pk>/codes/": WITH_POOL,
    "partners/offers/<int:pk>/end/": APPROVED,
    "partners/uploads/<int:pk>/": an_upload,
    "partners/uploads/<int:pk>/progress/": an_upload,
    "partners/uploads/<int:pk>/confirm/": an_upload,
    "partners/uploads/<int:pk>/discard/": an_upload,
    "partners/keys/<int:pk>/issue/": a_key,
    "partners/keys/<int:pk>/revoke/<slug:key_id>/": a_key,
    "partners/team/invitations/<int:pk>/withdraw/": an_invitation,
    "partners/team/<int:pk>/role/": a_member,
    "partners/team/<int:pk>/remove/": a_member,
    "partners/surveys/<int:pk>/": a_survey,
    "partners/results/statements/<int:year>-<int:month>.csv": a_statement,
    "partners/results/statements/<int:year>-<int:month>.pdf": a_statement,
}
# Addresses with parameters that name no object of a partner's, and what they are instead.
OTHERS = {
    "partners/join/<str:token>/": "an invitation's secret, from a mail: whoever holds it is the one invited",
    r"partners/account/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": "a secret from a mail",
    "partners/uploads/template.<str:kind>": "the kind of a file that is the same for all",
    r"partners/results/^results\.(?P<kind>csv|xlsx)$": "the kind of a file of one's own",
}


def walked(resolver: Any = None, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every route of the URL table with its pattern, as "partners/offers/<int:pk>/"."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route, pattern
        else:
            yield from walked(pattern, route)


def with_parameters() -> set[str]:
    return {route for route, _pattern in walked() if route.startswith(ROOTS) and ("<" in route or "(" in route)}


def asked_by(partner: Partner, route: str) -> Callable[[str, str], HttpResponseBase]:
    """Ask an address as the partner: its owner in the portal, its software with all scopes in the API."""
    if not route.startswith("api/"):
        browser = signed_in(person(partner, f"owner{partner.pk}", "owner").user)
        return lambda method, path: browser.generic(method, path)
    _made, key_id, secret = accounts.connect(
        partner=partner,
        name="asker",
        scopes=["offers", "results", "redeem"],
        by="partner:dana",
        now=NOW,
        proof=ApiClient.Proof.KEY,
    )
    headers = {"X-Api-Key": f"{key_id}.{secret}"}
    return lambda method, path: Client().generic(method, path, content_type="application/json", headers=headers)


def path_of(route: str, parameters: dict[str, object]) -> str:
    path = "/" + route
    for name, value in parameters.items():
        for converter in ("int", "slug", "str"):
            path = path.replace(f"<{converter}:{name}>", str(value))
    assert "<" not in path
    return path


def test_every_address_with_a_parameter_is_listed() -> None:
    assert with_parameters() == set(OWNED) | set(OTHERS)


def test_the_walk_sees_the_whole_table() -> None:
    """An address that the walk cannot see would be nobody's concern."""
    routes = {route for route, _pattern in walked()}

    assert {"partners/redeem/", "api/partners/v1/redemptions/", "partners/account/login/", "healthz"} <= routes


@pytest.mark.parametrize("route", OWNED)
def test_anothers_object_is_not_there(
    partner: Partner, stranger: Partner, make_offer: Callable[..., Offer], route: str
) -> None:
    auth.forget_cached()
    made, parameters = OWNED[route](partner, make_offer)
    path, before = path_of(route, parameters), model_to_dict(made)
    stranger_asks, owner_asks = asked_by(stranger, route), asked_by(partner, route)

    statuses = {method: stranger_asks(method, path).status_code for method in METHODS}

    assert set(statuses.values()) <= {404, 405}, statuses
    assert 404 in statuses.values()
    assert model_to_dict(type(made).objects.get(pk=made.pk)) == before
    # And it is there for whose it is, where the stranger was told it is not.
    taken = [method for method, status in statuses.items() if status == 404]
    assert {owner_asks(method, path).status_code for method in taken} - {401, 403, 404, 405}


@pytest.mark.parametrize("route", sorted(route for route in OWNED if route.startswith("api/")))
def test_a_key_of_nobody_is_told_nothing_of_what_is_there(
    partner: Partner, make_offer: Callable[..., Offer], route: str
) -> None:
    _made, parameters = OWNED[route](partner, make_offer)

    assert {Client().generic(method, path_of(route, parameters)).status_code for method in METHODS} == {401}
