"""A browser of the back office, signed in by role, and its clock."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from smart.backoffice import roles
from tests.campaigns.conftest import NOW


@pytest.fixture
def staff(db: None) -> Callable[..., Client]:
    """A browser signed in as somebody of a role, reading a language."""
    roles.load()

    def sign_in(role: str, *, name: str = "", language: str = "en") -> Client:
        user = User.objects.create_user(name or role, password="x", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client = Client(headers={"Accept-Language": language})
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def at_noon(stand_at: Callable[[datetime], None]) -> datetime:
    """The programme's clock stands at the cast's noon."""
    stand_at(NOW)
    return NOW
