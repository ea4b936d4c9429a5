"""Signing in: by e-mail and a second factor, never our staff, nobody uninvited, and not by guessing."""

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.urls import reverse

from campaigns.models import Partner, PartnerMember
from tests.campaigns.portal.conftest import PASSWORD, person

pytestmark = pytest.mark.django_db
LOGIN = "/partners/account/login/"


@pytest.fixture
def dana(partner: Partner) -> PartnerMember:
    return person(partner, "dana", "owner", password=PASSWORD)


def sign_in(client: Client, email: str = "dana@arbat.example", password: str = PASSWORD):
    return client.post(LOGIN, {"login": email, "password": password})


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def confirm(client: Client, asked_by: str) -> str:
    """Prove that it is still you, where a page wants it; return where one goes on."""
    asked = client.get(reverse(asked_by))
    assert asked["Location"].startswith(reverse("account_reauthenticate"))
    return str(client.post(asked["Location"], {"password": PASSWORD})["Location"])


def protect(client: Client) -> tuple[str, list[str]]:
    """Add a second factor as a person would; return its secret and the recovery codes."""
    page = client.get(confirm(client, "mfa_activate_totp")).content.decode()
    secret = re.search(r'<code class="secret">([A-Z2-7]+)</code>', page)[1]
    shown = client.post(reverse("mfa_activate_totp"), {"code": code_of(secret)}, follow=True).content.decode()
    return secret, re.findall(r"<code>(\d{8})</code>", shown)


def test_a_person_signs_in_by_e_mail(client: Client, dana: PartnerMember) -> None:
    response = sign_in(client, "Dana@Arbat.example")

    assert response["Location"] == reverse("partners:overview")
    assert client.session.get_expiry_age() <= 8 * 3600
    assert client.get(reverse("partners:overview")).status_code == 200


def test_one_goes_on_where_one_was_going(client: Client, dana: PartnerMember) -> None:
    asked = client.get(reverse("partners:team"))

    page = client.get(asked["Location"]).content.decode()
    assert 'name="next" value="/partners/team/"' in page
    back = client.post(LOGIN, {"login": dana.user.email, "password": PASSWORD, "next": "https://evil.example/"})
    assert "evil" not in back["Location"]


def test_staff_cannot_sign_in_here(client: Client, staff: User) -> None:
    response = client.post(LOGIN, {"login": staff.email, "password": PASSWORD}, headers={"Accept-Language": "en"})

    assert response.status_code == 200
    assert "The e-mail or the password is wrong." in response.content.decode()
    assert "_auth_user_id" not in client.session


def test_partners_people_cannot_sign_in_to_the_back_office(client: Client, dana: PartnerMember) -> None:
    for name in (dana.user.username, dana.user.email):
        response = client.post("/admin/login/", {"username": name, "password": PASSWORD})

        assert response.status_code == 200
        assert "_auth_user_id" not in client.session


def test_staff_sign_in_to_the_back_office_as_before(client: Client, staff: User) -> None:
    assert client.post("/admin/login/", {"username": "erlan", "password": PASSWORD}).status_code == 302


def test_guessing_is_slowed_down(client: Client, dana: PartnerMember) -> None:
    for _attempt in range(5):
        sign_in(client, password="wrong")

    response = sign_in(client)

    assert "_auth_user_id" not in client.session
    assert response.status_code in (200, 429)


def test_nobody_signs_up(client: Client) -> None:
    address = reverse("account_signup")
    wanted = {"email": "x@y.example", "password1": PASSWORD, "password2": PASSWORD}

    assert client.get(address, headers={"Accept-Language": "en"}).content.decode().count("By invitation only") == 2
    client.post(address, wanted)
    assert User.objects.count() == 0


def test_a_second_factor_is_asked_for_once_it_is_on(client: Client, dana: PartnerMember) -> None:
    sign_in(client)
    secret, codes = protect(client)
    assert len(codes) == 10
    client.post(reverse("account_logout"))

    asked = sign_in(client)

    assert asked["Location"] == reverse("mfa_authenticate")
    assert client.get(reverse("partners:overview")).status_code == 302
    assert client.post(asked["Location"], {"code": "000000"}).status_code == 200
    assert client.post(asked["Location"], {"code": codes[0]})["Location"] == reverse("partners:overview")
    client.post(reverse("account_logout"))
    sign_in(client)
    assert client.post(asked["Location"], {"code": codes[0]}).status_code == 200, "a recovery code works once"
    assert secret


def test_secrets_of_second_factors_are_not_readable_in_the_database(client: Client, dana: PartnerMember) -> None:
    sign_in(client)
    secret, codes = protect(client)

    stored = str(list(Authenticator.objects.values_list("data", flat=True)))

    assert secret not in stored
    assert not any(code in stored for code in codes)


def test_a_second_factor_is_switched_off_by_who_has_it(client: Client, dana: PartnerMember) -> None:
    sign_in(client)
    protect(client)

    client.post(reverse("mfa_deactivate_totp"))

    assert not Authenticator.objects.filter(user=dana.user).exists()


def test_a_forgotten_password_is_replaced_by_mail(client: Client, dana: PartnerMember) -> None:
    client.post(reverse("account_reset_password"), {"email": dana.user.email})
    (letter,) = mail.outbox
    address = re.search(r"http://testserver(\S+)", letter.body)[1]
    page = client.get(address, follow=True)
    new = "another-horse-entirely"

    client.post(page.redirect_chain[-1][0], {"password1": new, "password2": new})

    assert sign_in(client, password=new)["Location"] == reverse("partners:overview")
    assert "name" not in client.get(address).context.get("form", {}), "the link works once"


@pytest.mark.parametrize("email", ["erlan@smart.example", "nobody@nowhere.example"])
def test_no_mail_goes_to_staff_or_strangers(client: Client, staff: User, email: str) -> None:
    response = client.post(reverse("account_reset_password"), {"email": email})

    assert response["Location"] == reverse("account_reset_password_done")
    assert mail.outbox == []


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_allauths_pages_speak_the_reader_s_language(client: Client, dana: PartnerMember, language: str) -> None:
    """allauth itself knows no Kazakh."""
    headers = {"Accept-Language": language}
    english = re.compile(r"\b(?:Sign|Password|Email|Code|Confirm|Remember|the)\b")
    texts = [
        client.get(LOGIN, headers=headers).content.decode(),
        client.post(LOGIN, {"login": "a@b.example", "password": "x"}, headers=headers).content.decode(),
        client.get(reverse("account_reset_password"), headers=headers).content.decode(),
    ]
    sign_in(client)
    texts.append(client.get(reverse("account_reauthenticate"), headers=headers).content.decode())
    confirm(client, "mfa_activate_totp")
    for name in ("mfa_index", "mfa_activate_totp", "account_change_password", "account_logout"):
        texts.append(client.get(reverse(name), headers=headers).content.decode())

    for text in texts:
        body = re.sub(r"<[^>]*>", " ", text[text.index("<main") :])
        assert not english.search(body), english.search(body)


def test_a_code_confirms_as_a_password_does(client: Client, dana: PartnerMember) -> None:
    TOTP.activate(dana.user, generate_totp_secret())
    client.force_login(dana.user, backend="django.contrib.auth.backends.ModelBackend")

    pages = {
        name: client.get(reverse(name), headers={"Accept-Language": "en"}).content.decode()
        for name in ("account_reauthenticate", "mfa_reauthenticate")
    }

    assert 'name="password"' in pages["account_reauthenticate"]
    assert "Use a code instead" in pages["account_reauthenticate"]
    assert 'name="code"' in pages["mfa_reauthenticate"]
    assert "Use the password instead" in pages["mfa_reauthenticate"]
    assert {page.count("csrfmiddlewaretoken") > 0 for page in pages.values()} == {True}


def test_the_back_office_shows_nothing_of_second_factors(client: Client, dana: PartnerMember) -> None:
    """allauth's own pages would show their data, unstyled."""
    TOTP.activate(dana.user, generate_totp_secret())
    client.force_login(
        User.objects.create_superuser("root", password=PASSWORD), backend="django.contrib.auth.backends.ModelBackend"
    )

    assert client.get("/admin/auth/user/").status_code == 200
    for name in ("mfa/authenticator", "account/emailaddress"):
        assert client.get(f"/admin/{name}/").status_code == 404
        assert f"/admin/{name}/" not in client.get("/admin/").content.decode()
    assert client.get(f"/admin/mfa/authenticator/{Authenticator.objects.get().pk}/change/").status_code == 404
