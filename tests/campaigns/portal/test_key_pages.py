"""API keys: a secret is shown once, two keys live at a time, revoking asks first."""

import re
from collections.abc import Callable

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import translation

from campaigns.models import Partner, PartnerClient
from campaigns.partners import accounts
from core.access import auth, keys
from core.access.models import ApiClient, ApiKey
from tests.campaigns.conftest import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(as_role: Callable[[str], Client]) -> Client:
    client = as_role("owner")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def connect(owner: Client, name: str = "Till", scopes: tuple[str, ...] = ("redeem",)):
    return owner.post(reverse("partners:key_new"), {"name": name, "scopes": scopes})


def test_a_secret_is_shown_once(owner: Client, partner: Partner) -> None:
    page = connect(owner, scopes=("redeem", "offers")).content.decode()
    key_id, secret = re.findall(r'<code class="secret">([^<]+)</code>', page)

    made = PartnerClient.objects.get()
    assert (accounts.client_name(made), made.scopes) == ("till", ["offers", "redeem"])
    assert (made.client.kind, made.client.proof, made.partner) == ("partner", "signature", partner)
    assert secret == keys.secret_of(key_id)
    again = owner.get(reverse("partners:keys")).content.decode()
    assert key_id in again
    assert secret not in again


def test_sending_the_form_again_makes_no_second_key(owner: Client) -> None:
    connect(owner)

    assert connect(owner).status_code == 422
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "scopes", "field"),
    [("", ("redeem",), "name"), ("☕", ("redeem",), "name"), ("till", (), "scopes"), ("till", ("admin",), "scopes")],
)
def test_a_program_has_a_name_and_known_scopes(owner: Client, name: str, scopes: tuple[str, ...], field: str) -> None:
    response = connect(owner, name, scopes)

    assert (response.status_code, list(response.context["form"].errors)) == (422, [field])
    assert not PartnerClient.objects.exists()


def test_two_partners_may_use_the_same_name(owner: Client, stranger: Partner) -> None:
    accounts.connect(partner=stranger, name="till", scopes=["redeem"], by="x", now=NOW)

    assert connect(owner).status_code == 200


def test_keys_change_over_without_a_gap(owner: Client) -> None:
    connect(owner)
    made, old = PartnerClient.objects.get(), ApiKey.objects.get()

    owner.post(reverse("partners:key_issue", args=[made.pk]))
    assert owner.post(reverse("partners:key_issue", args=[made.pk])).status_code == 302, "two are live already"
    address = reverse("partners:key_revoke", args=[made.pk, old.key_id])
    owner.get(address)
    assert ApiKey.objects.filter(revoked_at=None).count() == 2, "it only asked"
    owner.post(address)

    assert ApiKey.objects.get(revoked_at=None).key_id != old.key_id
    assert owner.post(address).status_code == 404


def test_a_key_is_revoked_through_its_own_program_only(owner: Client, stranger: Partner) -> None:
    connect(owner)
    _made, foreign, _secret = accounts.connect(partner=stranger, name="x", scopes=["offers"], by="x", now=NOW)

    address = reverse("partners:key_revoke", args=[PartnerClient.objects.get(partner__slug="arbat").pk, foreign])

    assert owner.post(address).status_code == 404
    assert not ApiKey.objects.exclude(revoked_at=None).exists()


def test_there_is_an_end_to_programs(owner: Client) -> None:
    for number in range(accounts.MOST_CLIENTS):
        connect(owner, f"till {number}")

    assert connect(owner, "one more").status_code == 422


def _programs(owner: Client) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", owner.get(reverse("partners:keys")).content.decode()).split())


def test_each_program_says_how_it_proves_itself(owner: Client, partner: Partner) -> None:
    connect(owner)
    assert "It signs every request" in _programs(owner)
    assert "It sends the key and its secret with every request" not in _programs(owner)

    accounts.connect(partner=partner, name="kassa", scopes=["redeem"], proof="key", by="command", now=NOW)

    assert "It sends the key and its secret with every request, over HTTPS only" in _programs(owner)


def test_it_says_from_where_a_program_is_let_in(owner: Client) -> None:
    connect(owner)
    assert "It is let in from any address." in _programs(owner)

    ApiClient.objects.update(networks=["10.1.0.0/16", "192.0.2.7"])

    assert "It is let in only from these addresses: 10.1.0.0/16, 192.0.2.7" in _programs(owner)
    assert "from any address" not in _programs(owner)


@pytest.mark.parametrize(
    ("kind", "proof", "may"),
    [("partner", "key", True), ("partner", "signature", True), ("ussd", "signature", True), ("ussd", "key", False)],
)
def test_no_addresses_mean_what_the_back_office_says(kind: str, proof: str, may: bool, rf: RequestFactory) -> None:
    """ApiClient.networks' help text: empty is from anywhere if it signs or is a partner's, else from nowhere."""
    credential = auth._Credential(1, "x", kind, proof, b"", ())

    assert auth._is_allowed(credential, rf.get("/", secure=True)) is may
    with translation.override("en"):
        said = str(ApiClient._meta.get_field("networks").help_text)
    assert "from anywhere if it signs or is a partner's, else from nowhere" in said
