"""How django-allauth signs partners' people in: by e-mail, never our staff, never a stranger, in our words."""

import base64
import hashlib
import hmac
from typing import Any

from allauth.account import forms as account_forms
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base import forms as mfa_forms
from allauth.mfa.totp.forms import ActivateTOTPForm
from cryptography.fernet import Fernet
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from campaigns.portal import access, mail
from core.access.auth import client_address

LABELS = {
    "login": _("E-mail"),
    "email": _("E-mail"),
    "password": _("Password"),
    "oldpassword": _("Current password"),
    "password1": _("New password"),
    "password2": _("New password, again"),
    "code": _("Code"),
}
# What allauth tells after the fact; the rest it would tell goes without saying.
TOLD = {
    "account/messages/password_changed.txt": _("Your password is changed."),
    "mfa/messages/totp_activated.txt": _("The second factor is on."),
    "mfa/messages/totp_deactivated.txt": _("The second factor is off."),
    "mfa/messages/recovery_codes_generated.txt": _("New recovery codes are made."),
}


class PartnerBackend(AuthenticationBackend):
    """E-mail and password of a partner's person. A member of staff's are wrong here, as a stranger's would be."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> AbstractBaseUser | None:
        """Answer the portal only: the back office asks by user name."""
        return super().authenticate(request, **credentials) if "email" in credentials else None

    def _check_password(self, user: AbstractBaseUser | None, password: str) -> AbstractBaseUser | None:
        is_ours = isinstance(user, User) and access.member_of(user) is not None
        return super()._check_password(user, password) if is_ours else None


class Adapter(DefaultAccountAdapter):
    """No sign-up, our words, our mails, the address that our proxies saw."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("The e-mail or the password is wrong."),
        "enter_current_password": _("The current password is wrong."),
        "incorrect_password": _("The password is wrong."),
        "incorrect_code": _("The code is wrong."),
        "too_many_login_attempts": _("Too many attempts. Try again in some minutes."),
        "rate_limited": _("Too many attempts. Try again in some minutes."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """By invitation only (campaigns.partners.accounts.accept)."""
        return False

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return reverse("partners:overview")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("mfa_index")

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)

    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """Tell what is in TOLD."""
        template = kwargs.get("message_template") or next(iter(args), None)
        if template in TOLD:
            messages.add_message(request, level, str(TOLD[template]))

    def render_mail(
        self, template_prefix: str, email: Any, context: dict[str, Any], headers: dict[str, str] | None = None
    ) -> EmailMessage:
        """Write the one mail that allauth sends: all others are switched off."""
        if template_prefix != "account/email/password_reset_key":
            raise ValueError(template_prefix)
        return mail.password_reset(to=email, address=context["password_reset_url"])


class MfaAdapter(DefaultMFAAdapter):
    """Secrets of second factors are encrypted under a key derived from SECRET_KEY."""

    error_messages = DefaultMFAAdapter.error_messages | {"incorrect_code": _("The code is wrong.")}

    def get_totp_issuer(self) -> str:
        return "SMART"

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _cipher().decrypt(encrypted_text.encode()).decode()


def _cipher() -> Fernet:
    key = hmac.digest(settings.SECRET_KEY.encode(), b"partners' second factors", hashlib.sha256)
    return Fernet(base64.urlsafe_b64encode(key))


class _Ours:
    """Labels of our catalogues instead of allauth's labels, placeholders and hints, which know no Kazakh."""

    fields: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label, field.help_text = LABELS.get(name, field.label), ""
            field.widget.attrs.pop("placeholder", None)


class SignIn(_Ours, account_forms.LoginForm):
    pass


class ChangePassword(_Ours, account_forms.ChangePasswordForm):
    pass


class ConfirmPassword(_Ours, account_forms.ReauthenticateForm):
    pass


class ResetPassword(_Ours, account_forms.ResetPasswordForm):
    """Mails a link to partners' people only: staff's passwords are the administrators' business."""

    users: list[Any]

    def clean_email(self) -> str:
        email = super().clean_email()
        self.users = [user for user in self.users if access.member_of(user) is not None]
        return email


class NewPassword(_Ours, account_forms.ResetPasswordKeyForm):
    pass


class SecondFactor(_Ours, mfa_forms.AuthenticateForm):
    pass


class ConfirmSecondFactor(_Ours, mfa_forms.ReauthenticateForm):
    pass


class ActivateSecondFactor(_Ours, ActivateTOTPForm):
    pass
