"""Every address of the back office is Django's own, or behind core.staff.pages.page and its permission."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin import ModelAdmin
from django.contrib.admindocs.views import simplify_regex
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, path

from core.staff.pages import page

BACK_OFFICE = "/admin/"
# What a ModelAdmin may do its own way: Django's admin holds it to the model's permissions.
OWN_VIEWS = {"changelist_view", "add_view", "change_view", "delete_view", "history_view"}
SAMPLES = {"kind": "csv", "name": "pause"}  # every other part of an address may be 1


def table(patterns: list[Any], before: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Each address of the URL table with its pattern."""
    for found in patterns:
        address = before + str(found.pattern)
        if isinstance(found, URLResolver):
            yield from table(found.url_patterns, address)
        else:
            yield simplify_regex(address), found


def is_the_frameworks(view: Any) -> bool:
    own = inspect.unwrap(view)
    return own.__module__.startswith(("django.", "unfold.")) or (
        isinstance(getattr(view, "model_admin", None), ModelAdmin) and own.__name__ in OWN_VIEWS
    )


def strangers(patterns: list[tuple[str, URLPattern]]) -> list[str]:
    """The addresses that neither are the framework's nor went through the decorator."""
    return [
        address
        for address, pattern in patterns
        if not hasattr(pattern.callback, "permissions") and not is_the_frameworks(pattern.callback)
    ]


PATTERNS = [(address, pattern) for address, pattern in table(get_resolver().url_patterns)
            if address.startswith(BACK_OFFICE)]  # fmt: skip
OURS = sorted(
    re.sub(r"<(?:\w+:)?(\w+)>", lambda part: SAMPLES.get(part[1], "1"), address).replace("\\", "")
    for address, pattern in PATTERNS
    if hasattr(pattern.callback, "permissions")
)


def test_every_page_of_the_back_office_is_behind_the_decorator() -> None:
    assert strangers(PATTERNS) == []


def test_a_page_beside_the_decorator_is_named() -> None:
    def bare(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    patterns = [path("admin/bare/", bare), path("admin/permitted/", page("auth.view_user")(bare))]

    assert strangers(list(table(patterns))) == ["/admin/bare/"]


def test_pages_of_our_own_are_found() -> None:
    """Of plain views, of a ModelAdmin's actions, of an address with a pattern in it."""
    assert len(OURS) > 40
    assert {"/admin/care/", "/admin/access/apiclient/1/issue_key/", "/admin/results/1/results.csv"} <= set(OURS)


@pytest.mark.django_db
@pytest.mark.parametrize("address", OURS)
def test_a_page_is_nobodys_without_its_permission(address: str) -> None:
    """P1."""
    user = User.objects.create_user("nobody", password="x", is_staff=True)
    client = Client()
    client.force_login(user)

    assert [client.get(address).status_code, client.post(address).status_code] == [403, 403]


@pytest.mark.django_db
@pytest.mark.parametrize("address", OURS)
def test_who_has_not_signed_in_gets_the_sign_in_page(address: str) -> None:
    answer = Client().get(address)

    assert (answer.status_code, answer.headers["Location"]) == (302, f"/admin/login/?next={address}")
