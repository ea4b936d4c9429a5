"""What became of a campaign: every figure against what is known to have happened."""

import csv
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO, StringIO
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from campaigns.codes import redemption
from campaigns.models import Campaign, Offer, Partner, Placement, PromoCode, Variant
from campaigns.results import figures
from core.lib import intervals
from enrollment.models import Membership, Subscriber, Town
from messaging.models import Message
from smart import programme
from smart.backoffice import roles
from tests.campaigns.test_campaigns import NOW, make_campaign, member, run
from tests.messaging.conftest import execute

__all__ = ["make_campaign", "member"]

pytestmark = pytest.mark.django_db

UNIQUE = {"codes": "unique", "text_ru": "Код {code}", "text_kk": "Код {code}"}


def become(subscriber: Subscriber, state: str, why: str = "", hours: int = 0) -> None:
    """Let the campaign's message to a member end so, that many hours after noon."""
    at = NOW + timedelta(hours=hours)
    Message.objects.filter(subscriber=subscriber, message_class="offer").update(
        state="claimed", fence=1, lease_until=NOW
    )
    handed = state not in ("refused", "expired", "cancelled", "failed", "unknown")
    if handed or state == "unknown":
        given = {"valid_until": at, "lease_until": None, "why": why}
        first = {"state": "submitted", "submitted_at": at} if handed else {"state": "unknown"}
        Message.objects.filter(subscriber=subscriber, message_class="offer").update(**given, **first)
    if state not in ("submitted", "unknown"):
        Message.objects.filter(subscriber=subscriber, message_class="offer").update(
            state=state, why=why, ended_at=at, lease_until=None
        )


def redeem(subscriber: Subscriber, partner: Partner, hours: int = 1) -> None:
    code = PromoCode.objects.filter(subscriber=subscriber).latest("pk")
    redemption.redeem(partner=partner, code=code.code, by="till", now=NOW + timedelta(hours=hours))


@pytest.fixture
def ended(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> tuple[Campaign, dict[str, Subscriber]]:
    """A campaign of one offer with codes, and a member for each end a message can have."""
    almaty = Town.objects.get(code="almaty")
    people = {
        "delivered": member(town=almaty),
        "late": member(town=almaty, language="kk"),
        "undelivered": member(),
        "unreported": member(),
        "submitted": member(),
        "unknown": member(),
        "failed": member(),
        "expired": member(),
        "refused": member(),
        "waiting": member(),
    }
    campaign = run(make_campaign(make_offer("approved", **UNIQUE)))
    for state, person in people.items():
        why = {"failed": "rejected", "expired": "late", "refused": "cap_day"}.get(state, "")
        if state != "waiting":
            become(person, {"late": "delivered"}.get(state, state), why, hours=2 if state == "late" else 0)
    return campaign, people


def test_every_end_of_a_message_is_counted_once(ended: tuple[Campaign, dict[str, Subscriber]]) -> None:
    campaign, _people = ended

    counted = figures.of(campaign)

    total = counted.totals[None]
    assert (total.placed, counted.matched, counted.held_out) == (10, 10, 0)
    assert (total.sent, total.delivered, total.failed, total.unknown) == (5, 2, 2, 1)
    assert (total.expired, total.withheld, total.waiting) == (1, 1, 1)
    assert counted.reasons[None] == {
        ("undelivered", ""): 1, ("unreported", ""): 1, ("unknown", ""): 1, ("failed", "rejected"): 1,
        ("expired", "late"): 1, ("refused", "cap_day"): 1,
    }  # fmt: skip


def test_parts_add_up_to_the_total(ended: tuple[Campaign, dict[str, Subscriber]]) -> None:
    campaign, _people = ended
    offer, almaty = Offer.objects.get(), Town.objects.get(code="almaty")

    counted = figures.of(campaign)

    for dimension in figures.DIMENSIONS:
        assert sum(part.placed for part in counted.parts[None, dimension].values()) == 10
    assert counted.totals[offer.pk] == counted.totals[None]
    assert counted.parts[offer.pk, "town"][almaty.pk].delivered == 2
    assert {hour: part.delivered for hour, part in counted.parts[None, "hour"].items()} == {12: 1, 14: 1, None: 0}
    assert {code: part.delivered for code, part in counted.parts[None, "language"].items()} == {"kk": 1, "ru": 1}


def test_who_left_within_two_days_of_the_message_is_counted(ended: tuple[Campaign, dict[str, Subscriber]]) -> None:
    campaign, people = ended
    soon, late, unsent = people["delivered"], people["unreported"], people["expired"]
    programme.opt_out(subscriber=soon, by="ussd", now=NOW + timedelta(hours=47))
    programme.opt_out(subscriber=late, by="ussd", now=NOW + timedelta(hours=48))
    programme.opt_out(subscriber=unsent, by="ussd", now=NOW + timedelta(hours=1))
    Membership.objects.filter(subscriber=people["late"]).update(
        left_at=NOW + timedelta(hours=5), left_by="import", left_reason="gone", consents=0
    )

    assert figures.of(campaign).totals[None].opted_out == 1


def test_members_who_redeemed_are_counted_once_and_their_redemptions_each(
    ended: tuple[Campaign, dict[str, Subscriber]], partner: Partner
) -> None:
    campaign, people = ended
    Offer.objects.update(uses=2, state="submitted")
    redeem(people["delivered"], partner)
    redeem(people["delivered"], partner, hours=2)
    redeem(people["unreported"], partner)

    total = figures.of(campaign).totals[None]

    assert (total.redeemed, total.redemptions, total.rate) == (2, 3, 1.0)


def test_codes_for_all_are_counted_by_offer(
    member: Callable[..., Subscriber],
    make_campaign: Callable[..., Campaign],
    make_offer: Callable[..., Offer],
    partner: Partner,
) -> None:
    member()
    offer = make_offer("approved", codes="shared", shared_code="ARBAT30", text_ru="Код {code}", text_kk="")
    campaign = run(make_campaign(offer, holdout=50))
    redemption.redeem(partner=partner, code="ARBAT30", by="till", now=NOW)

    counted = figures.of(campaign)

    assert counted.shared == {offer.pk: 1}
    assert counted.totals[None].redeemed == 0
    assert counted.uplift is None  # nobody knows who redeemed it


def test_uplift_compares_codes_of_one_s_own_with_the_holdout_s(
    member: Callable[..., Subscriber],
    make_campaign: Callable[..., Campaign],
    make_offer: Callable[..., Offer],
    partner: Partner,
) -> None:
    people = [member() for _ in range(40)]
    campaign = run(make_campaign(make_offer("approved", **UNIQUE), holdout=50))
    held = set(Placement.objects.filter(variant=None).values_list("subscriber_id", flat=True))
    written_to = [person for person in people if person.pk not in held]
    for person in written_to[:5]:
        redeem(person, partner)
    other = make_offer("approved", **{**UNIQUE, "text_ru": "Ещё код {code}", "category": "grocery"})
    run(make_campaign(other))
    redeem(next(person for person in people if person.pk in held), partner)

    uplift = figures.of(campaign).uplift

    assert uplift == figures.Compared(len(written_to), 5, len(held), 1)
    assert uplift.difference.value == pytest.approx(5 / len(written_to) - 1 / len(held))
    assert uplift.difference.low < uplift.difference.value < uplift.difference.high


def test_leaving_is_compared_with_the_holdout_also_where_no_code_is(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign]
) -> None:
    """Of their own wish, after being placed, until two days after the end; whoever is gone otherwise is not counted."""
    people = [member() for _ in range(40)]
    campaign = run(make_campaign(holdout=50))
    held = set(Placement.objects.filter(variant=None).values_list("subscriber_id", flat=True))
    here, there = ([one for one in people if (one.pk in held) == is_held] for is_held in (False, True))
    for person in [*here[:3], there[0]]:
        programme.opt_out(subscriber=person, by="ussd", now=NOW + timedelta(days=1))
    programme.opt_out(subscriber=there[1], by="ussd", now=campaign.ends_at + figures.OPT_OUT_WITHIN)
    Membership.objects.filter(subscriber=there[2]).update(
        left_at=NOW + timedelta(days=1), left_by="import", left_reason="gone", consents=0
    )

    counted = figures.of(campaign)

    assert counted.uplift is None
    assert counted.leaving == figures.Compared(len(here), 3, len(there), 1)


def test_variants_are_told_apart(
    member: Callable[..., Subscriber], make_campaign: Callable[..., Campaign], make_offer: Callable[..., Offer]
) -> None:
    for _ in range(20):
        member()
    campaign = make_campaign(make_offer("approved"))
    second = Variant.objects.create(campaign=campaign, offer=Offer.objects.get(), label="B", text_ru="Чай -30%")
    run(campaign)

    parts = figures.of(campaign).parts[None, "variant"]

    assert parts[second.pk].placed == Placement.objects.filter(variant=second).count() > 0
    assert sum(part.placed for part in parts.values()) == 20


def test_it_costs_a_fixed_number_of_statements(
    ended: tuple[Campaign, dict[str, Subscriber]], django_assert_max_num_queries: Any
) -> None:
    campaign, _people = ended

    with django_assert_max_num_queries(6):  # four, and a savepoint
        figures.of(campaign)


def test_another_campaign_s_messages_are_not_counted(
    ended: tuple[Campaign, dict[str, Subscriber]],
    make_campaign: Callable[..., Campaign],
    make_offer: Callable[..., Offer],
) -> None:
    campaign, people = ended
    run(make_campaign(make_offer("approved", text_ru="Другое", category="grocery")))
    assert Message.objects.filter(message_class="offer").count() == 2 * len(people)

    assert figures.of(campaign).totals[None].placed == len(people)


def test_only_the_months_of_the_campaign_are_looked_at(ended: tuple[Campaign, dict[str, Subscriber]]) -> None:
    """Partition pruning, else every page would read every message ever sent."""
    campaign, _people = ended
    given = figures._given(campaign, [])
    with_plan = [
        line for (line,) in execute(f"EXPLAIN {figures._FIGURES % {k: _literal(v) for k, v in given.items()}}")
    ]

    plan = "\n".join(with_plan)
    assert "messaging_message" in plan
    assert "Append" not in plan


def _literal(value: object) -> str:
    if isinstance(value, timedelta):
        return f"interval '{int(value.total_seconds())} seconds'"
    return str(value) if isinstance(value, int) else f"'{value}'"


@pytest.mark.parametrize(
    ("taken", "of", "other_taken", "other_of", "low", "high"),
    [
        # Newcombe (1998), Table II, method 10
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (10, 10, 0, 20, 0.6791, 1.0),
        (0, 10, 0, 10, -0.2775, 0.2775),
    ],
    ids=["a", "b", "none of the others", "none of either"],
)
def test_the_interval_is_newcombe_s(
    taken: int, of: int, other_taken: int, other_of: int, low: float, high: float
) -> None:
    found = intervals.difference(taken, of, other_taken, other_of)

    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@pytest.fixture
def staff(client: Client) -> Client:
    roles.load()
    user = User.objects.create_user("aidana", password="x", is_staff=True)
    user.groups.add(Group.objects.get(name="marketing"))
    client.force_login(user)
    return client


def test_staff_see_exact_figures(
    ended: tuple[Campaign, dict[str, Subscriber]], partner: Partner, staff: Client
) -> None:
    campaign, people = ended
    redeem(people["delivered"], partner)

    assert f"/admin/results/{campaign.pk}/" in staff.get("/admin/results/").content.decode()
    page = staff.get(f"/admin/results/{campaign.pk}/", headers={"Accept-Language": "en"})
    narrowed = staff.get(f"/admin/results/{campaign.pk}/", {"offer": Offer.objects.get().pk})

    assert "not sent: refused by a rule: had an offer that day already" in page.content.decode()
    assert 'data-type="bar"' in page.content.decode()
    assert page.context["total"].redeemed == 1
    assert narrowed.context["chosen"] == Offer.objects.get().pk


def test_staff_export_what_they_see(ended: tuple[Campaign, dict[str, Subscriber]], staff: Client) -> None:
    campaign, _people = ended
    Campaign.objects.filter(pk=campaign.pk).update(name="=1+1")

    answer = staff.get(f"/admin/results/{campaign.pk}/results.csv", headers={"Accept-Language": "en"})
    rows = list(csv.reader(StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    book = staff.get(f"/admin/results/{campaign.pk}/results.xlsx", headers={"Accept-Language": "en"}).content
    sheet = [list(row) for row in openpyxl.load_workbook(BytesIO(book)).active.iter_rows(values_only=True)]

    assert rows[1][:6] == ["all offers", "", "total", "10", "5", "2"]
    assert sheet[1][:6] == ["all offers", None, "total", 10, 5, 2]
    assert ["all offers", "Hour of delivery", "14:00", "1"] in [row[:4] for row in rows]


def test_results_are_for_staff_who_may_see_campaigns(
    ended: tuple[Campaign, dict[str, Subscriber]], client: Client
) -> None:
    campaign, _people = ended
    addresses = ["/admin/results/", f"/admin/results/{campaign.pk}/", f"/admin/results/{campaign.pk}/results.csv"]

    assert {client.get(address).status_code for address in addresses} == {302}
    client.force_login(User.objects.create_user("guest", password="x", is_staff=True))
    assert {client.get(address).status_code for address in addresses} == {403}


def test_a_draft_has_no_results(make_campaign: Callable[..., Campaign], staff: Client) -> None:
    assert staff.get(f"/admin/results/{make_campaign().pk}/").status_code == 404
