"""The portal's cast: Dana owns Arbat Coffee, Timur edits, Vera looks; Sinema's Boris is the stranger."""

from collections.abc import Callable
from datetime import datetime

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from campaigns.models import Partner, PartnerMember
from tests.campaigns.conftest import NOW

PASSWORD = "correct-horse-battery"
NAMES = {"owner": "dana", "editor": "timur", "viewer": "vera"}


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    """Rate limits count in the cache, which outlives a test."""
    cache.clear()


@pytest.fixture(autouse=True)
def clock_stands(stand_at: Callable[[datetime], None]) -> None:
    stand_at(NOW)


def person(partner: Partner, name: str, role: str, *, password: str = "") -> PartnerMember:
    user = User(username=f"{partner.slug}-{name}", email=f"{name}@{partner.slug}.example", first_name=name.title())
    if password:
        user.set_password(password)
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return PartnerMember.objects.create(user=user, partner=partner, role=role, joined_at=NOW)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def team(partner: Partner) -> dict[str, PartnerMember]:
    return {role: person(partner, name, role) for role, name in NAMES.items()}


@pytest.fixture
def as_role(team: dict[str, PartnerMember]) -> Callable[[str], Client]:
    """A browser in which a person of that role has signed in."""
    return lambda role: signed_in(team[role].user)


@pytest.fixture
def boris(stranger: Partner) -> PartnerMember:
    return person(stranger, "boris", "owner")


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_user("erlan", email="erlan@smart.example", password=PASSWORD, is_staff=True)
