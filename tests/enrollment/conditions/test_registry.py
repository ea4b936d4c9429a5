"""A condition is one file and one test: what else knows it takes it from the registry (docs/recipes.md)."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from campaigns.models import Offer, Redemption
from enrollment.audience import registry
from enrollment.audience.condition import Choice, Condition, Text, YesNo
from enrollment.models import SavedAudience
from smart.local import reference
from tests.bonuses.conftest import Member
from tests.campaigns.conftest import NOW
from tests.campaigns.staff.conftest import at_noon, make_member, make_offer, partner, staff
from tests.enrollment.conditions.conftest import TOY
from tests.registry import ROOT, added, has_tests, untranslated

__all__ = ["at_noon", "make_member", "make_offer", "partner", "staff"]


def texts_of(condition: Condition) -> list[Text]:
    """What the form says of it."""
    found: list[Text] = []
    for field in condition.fields:
        found.append(field.label)
        if isinstance(field, YesNo):
            found.append(field.group)
        else:
            found += [field.lead, field.anything if isinstance(field, Choice) else field.unit]
    return found


def lacking(module: str, condition: Condition, *, page: str) -> list[str]:
    """What a condition is still without, as the one who adds it is told."""
    app, _conditions, name = module.split(".")
    test = ROOT / "tests" / app / "conditions" / f"test_{name}.py"
    complaints = [] if has_tests(test) else [f"{test.relative_to(ROOT)} has no test of it"]
    complaints += [f"no text in {text}" for text in untranslated(texts_of(condition))]
    if not condition.meaning.endswith("."):
        complaints.append("its meaning is no sentence")
    if " | ".join(reference.condition_row(module, condition)) not in page:
        complaints.append("docs/reference.md does not say what it asks: run `make docs`")
    return complaints


@pytest.mark.parametrize("module", registry.conditions())
def test_a_condition_has_its_test_its_texts_and_its_docs(module: str) -> None:
    assert lacking(module, registry.conditions()[module], page=reference.PAGE.read_text()) == []


def test_the_page_says_nothing_of_conditions_that_are_gone() -> None:
    assert reference.page() == reference.PAGE.read_text()


def test_a_condition_without_test_texts_and_docs_is_named(toy: Condition) -> None:
    complaints = lacking(TOY, toy, page=reference.PAGE.read_text())

    assert complaints[0] == "tests/campaigns/conditions/test_redeemed_in.py has no test of it"
    assert "no text in kk: redeemed something in" in complaints
    assert "no text in ru: any category" in complaints
    assert complaints[-1] == "docs/reference.md does not say what it asks: run `make docs`"
    assert complaints[-1] not in lacking(TOY, toy, page=reference.page())


@pytest.mark.parametrize("text", ["", "CONDITION = None\n"], ids=["nothing", "no condition"])
def test_a_file_that_declares_no_condition_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "hollow.py").write_text(text)

    with added("enrollment.conditions", tmp_path), pytest.raises(TypeError, match=r"enrollment/conditions/hollow\.py"):
        registry.conditions.__wrapped__()


def test_a_field_of_two_conditions_is_named(tmp_path: Path) -> None:
    (tmp_path / "twin.py").write_text("from enrollment.conditions.ages import CONDITION\n")

    with added("enrollment.conditions", tmp_path), pytest.raises(TypeError, match=r"age_from"):
        registry.conditions.__wrapped__()


@pytest.mark.django_db
@pytest.mark.usefixtures("at_noon")
def test_a_new_condition_is_asked_counted_saved_and_read_back(
    toy: Condition, staff: Callable[..., Client], make_member: Member, make_offer: Callable[..., Offer]
) -> None:
    """M7."""
    fed, other = make_member(), make_member()
    for member, category in ((fed, "food"), (other, "auto")):
        offer = make_offer("approved", category=category)
        Redemption.objects.create(partner=offer.partner, offer=offer, subscriber=member, at=NOW, by="x")
    client, said = staff("marketing"), {"redeemed_in": ["food"]}

    counted = client.post(
        "/admin/audiences/count/", {"purpose": "offers", "channels": ["sms"], **said}
    ).content.decode()
    client.post("/admin/audiences/new/", {"name": "Eaters", **said})

    saved = SavedAudience.objects.get()
    page = client.get(f"/admin/audiences/{saved.pk}/").content.decode()
    assert re.findall(r'data-reachable="(\d+)"', counted) == ["1"]
    assert "Members who redeemed something in food." in counted
    assert saved.definition == said
    assert "redeemed something in" in page
    assert re.search(r'name="redeemed_in" value="food"[^>]*checked', page)
