"""A campaign in the back office: written down, looked at, launched, stopped; who may, and what a link does."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from campaigns.campaign import lifecycle, reasons
from campaigns.models import Campaign, Offer, Placement, Variant
from core.access.models import AuditEvent
from enrollment.models import SavedAudience, Subscriber
from messaging.models import Message
from tests.bonuses.conftest import Member
from tests.campaigns.conftest import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
ADMIN = "/admin/campaigns/campaign/"
ADD = f"{ADMIN}add/"
Staff = Callable[..., Client]
MakeOffer = Callable[..., Offer]
MakeCampaign = Callable[..., Campaign]


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    cache.clear()


@pytest.fixture
def everybody(db: None) -> SavedAudience:
    return SavedAudience.objects.create(name="Everybody", created_by="x", created_at=NOW, changed_at=NOW)


@pytest.fixture
def offer(make_offer: MakeOffer) -> Offer:
    """Approved, and valid while campaigns of these tests run."""
    return make_offer("approved", valid_from=NOW.date())


@pytest.fixture
def make_campaign(offer: Offer, make_member: Member) -> MakeCampaign:
    """A draft with the offer; launched, started or paused on demand. To run on it needs somebody to write to."""

    def make(state: str = "draft", **fields: Any) -> Campaign:
        usual = {"name": "December", "channels": ["sms", "ussd"], "starts_at": NOW, "ends_at": NOW + timedelta(days=5),
                 "exploration": 0, "created_by": "staff:x", "created_at": NOW}  # fmt: skip
        campaign = Campaign.objects.create(**usual | fields)
        Variant.objects.create(campaign=campaign, offer=offer)
        if state != "draft":
            lifecycle.launch(campaign=campaign, by="staff:x", now=NOW)
        if state == "running":
            if not Subscriber.objects.exists():
                make_member()
            lifecycle.feed(now=NOW)
        if state == "paused":
            lifecycle.pause(campaign=campaign, by="staff:x", now=NOW)
        campaign.refresh_from_db()
        assert campaign.state == state
        return campaign

    return make


def page_of(campaign: Campaign, action: str = "") -> str:
    return f"/admin/campaign/{campaign.pk}/{action and action + '/'}"


def state(campaign: Campaign) -> str:
    campaign.refresh_from_db()
    return campaign.state


def form(audience: SavedAudience, *variants: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What the browser sends for a campaign of these variants."""
    sent: dict[str, Any] = {
        "name": "December", "saved_audience": audience.pk, "channels": "ussd sms", "starts_at_0": "2026-11-21",
        "starts_at_1": "13:00", "ends_at_0": "2026-11-25", "ends_at_1": "21:00", "rate_per_minute": "600",
        "daily_budget": "", "is_carried": "on", "holdout": "5", "exploration": "10",
        "variants-TOTAL_FORMS": str(len(variants)), "variants-INITIAL_FORMS": "0", "variants-MIN_NUM_FORMS": "0",
        "variants-MAX_NUM_FORMS": "1000", **changes,
    }  # fmt: skip
    for number, variant in enumerate(variants):
        given = {"label": "A", "share": "1", "text_kk": "", "text_ru": "", "text_en": "", **variant}
        sent |= {f"variants-{number}-{name}": value for name, value in given.items()}
    return sent


def test_a_campaign_is_written_down_with_its_audience_as_it_is_now(
    staff: Staff, everybody: SavedAudience, offer: Offer
) -> None:
    SavedAudience.objects.update(definition={"towns": ["almaty"]})

    answer = staff("marketing").post(ADD, form(everybody, {"offer": offer.pk}))
    SavedAudience.objects.update(definition={})

    made = Campaign.objects.get()
    assert answer.headers["Location"] == page_of(made)
    assert made.audience == {"towns": ["almaty"]}
    assert (made.channels, made.holdout, made.created_by) == (["ussd", "sms"], 5, "staff:marketing")
    assert made.starts_at == NOW + timedelta(hours=1)  # 13:00 in Astana
    assert made.variants.get().offer == offer
    assert AuditEvent.objects.get(action="create_campaign").subject == f"campaign:{made.pk}"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ends_at_0": "2026-11-21", "ends_at_1": "12:30"}, "It ends before it starts."),
        ({"starts_at_0": "2026-11-01", "ends_at_0": "2026-11-02"}, "This is over already."),
        ({"holdout": "51"}, "At most 50 per cent."),
        ({"exploration": "101"}, "At most 100 per cent."),
        ({"rate_per_minute": "0"}, "At least one, or empty."),
        ({"daily_budget": "0"}, "At least one, or empty."),
        ({"saved_audience": ""}, "This field is required."),
        ({"channels": "sms sms"}, "Select a valid choice."),
        ({"channels": "pigeon"}, "Select a valid choice."),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_is_told_at_its_field(
    staff: Staff, everybody: SavedAudience, offer: Offer, changes: dict[str, str], why: str
) -> None:
    page = staff("marketing").post(ADD, form(everybody, {"offer": offer.pk}, **changes)).content.decode()

    assert why in page
    assert not Campaign.objects.exists()


@pytest.mark.parametrize(
    ("codes", "text", "why"),
    [
        ("none", "Чай \u202e", "at character 5"),
        ("none", "Чай " * 200, "it is too long"),
        ("none", "Чай {code}", "The text has a {code}, but no codes are given"),
        ("unique", "Чай -30%", "The text has no {code}, though codes are given"),
        ("unique", "{code} \u200f", "at character 8"),
    ],
    ids=["direction", "long", "needless code", "missing code", "place behind the code"],
)
def test_another_text_keeps_the_rules_of_the_offers_own(
    staff: Staff, everybody: SavedAudience, make_offer: MakeOffer, codes: str, text: str, why: str
) -> None:
    said = {"text_ru": "Кофе {code}", "text_kk": ""} if codes == "unique" else {}
    offer = make_offer("approved", codes=codes, **said)

    page = staff("marketing").post(ADD, form(everybody, {"offer": offer.pk, "text_ru": text + "."})).content.decode()

    assert why in page
    assert not Campaign.objects.exists()


def test_texts_are_compared_under_labels_of_their_own(staff: Staff, everybody: SavedAudience, offer: Offer) -> None:
    client = staff("marketing")
    a, b = {"offer": offer.pk}, {"offer": offer.pk, "text_ru": " Чай {{7*7}} -30% ", "share": "3"}

    refused = client.post(ADD, form(everybody, a, b)).content.decode()
    client.post(ADD, form(everybody, a, b | {"label": "B"}))

    assert "Two variants of one offer have the same label" in refused
    assert list(Variant.objects.order_by("label").values_list("label", "share", "text_ru")) == [
        ("A", 1, ""),
        ("B", 3, "Чай {{7*7}} -30%"),
    ]


@pytest.mark.parametrize("stands", ["draft", "submitted", "rejected", "ended"])
def test_only_approved_offers_can_be_chosen(
    staff: Staff, everybody: SavedAudience, make_offer: MakeOffer, stands: str
) -> None:
    offer, client = make_offer(stands, title_ru="Не та"), staff("marketing")

    assert "Не та" not in client.get(ADD).content.decode()
    page = client.post(ADD, form(everybody, {"offer": offer.pk})).content.decode()

    assert "This offer is not approved" in page
    assert not Campaign.objects.exists()


@pytest.mark.parametrize("stands", ["scheduled", "running", "paused"])
def test_only_a_draft_can_be_changed_or_deleted(
    staff: Staff, everybody: SavedAudience, make_campaign: MakeCampaign, stands: str
) -> None:
    campaign, client = make_campaign(stands), staff("marketing")
    change = f"{ADMIN}{campaign.pk}/change/"

    assert client.get(change).headers["Location"] == page_of(campaign)
    assert client.post(change, form(everybody, name="Other")).headers["Location"] == page_of(campaign)
    assert client.post(f"{ADMIN}{campaign.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(ADMIN, {"action": "delete_selected", "_selected_action": campaign.pk, "post": "yes"})

    assert Campaign.objects.get().name == "December"


def test_a_draft_is_changed(staff: Staff, everybody: SavedAudience, make_campaign: MakeCampaign) -> None:
    campaign, client = make_campaign(), staff("marketing")
    kept = campaign.variants.get()
    sent = form(
        everybody, {"id": kept.pk, "campaign": campaign.pk, "offer": kept.offer_id, "text_ru": "Чай"}, name="January",
        **{"variants-INITIAL_FORMS": "1"},
    )  # fmt: skip

    assert "December" in client.get(f"{ADMIN}{campaign.pk}/change/").content.decode()
    client.post(f"{ADMIN}{campaign.pk}/change/", sent)

    campaign.refresh_from_db()
    assert (campaign.name, campaign.variants.get().text_ru) == ("January", "Чай")


def test_the_page_says_everything_and_what_a_launch_would_do(
    staff: Staff, make_member: Member, make_campaign: MakeCampaign
) -> None:
    for _ in range(3):
        make_member()
    campaign = make_campaign(audience={"languages": ["ru"]}, rate_per_minute=1)
    client = staff("marketing")

    page = client.get(page_of(campaign)).content.decode()
    forecast = client.get(page_of(campaign, "forecast")).content.decode()

    assert "Members reading Russian" in page
    assert "SMS, else USSD" in page
    assert page_of(campaign, "launch") in page
    assert 'data-reachable="3"' in forecast
    assert "21.11.2026 12:03" in forecast  # a message a minute from noon on


def test_what_is_in_the_way_is_told_instead(staff: Staff, make_campaign: MakeCampaign) -> None:
    campaign = make_campaign(channels=["ivr"])

    assert "none of the campaign" in staff("marketing").get(page_of(campaign, "forecast")).content.decode()


def test_launching_asks_with_the_figures_and_acts_when_posted(
    staff: Staff, make_member: Member, make_campaign: MakeCampaign
) -> None:
    make_member()
    campaign, client = make_campaign(), staff("marketing")

    asked = client.get(page_of(campaign, "launch")).content.decode()
    assert "About 1 members get a message, 1 segments, from 21.11.2026 12:00 on." in asked
    assert state(campaign) == "draft"
    done = client.post(page_of(campaign, "launch"))
    lifecycle.feed(now=NOW)

    assert done.headers["Location"] == page_of(campaign)
    assert (state(campaign), campaign.launched_by) == ("running", "staff:marketing")
    assert Message.objects.filter(campaign=campaign.pk, message_class="offer").count() == 1


def test_it_is_paused_resumed_and_cancelled(staff: Staff, make_member: Member, make_campaign: MakeCampaign) -> None:
    make_member()
    campaign, client = make_campaign("running"), staff("marketing")

    for action, after in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        client.post(page_of(campaign, action))
        assert state(campaign) == after
    assert Message.objects.get(campaign=campaign.pk).state == "cancelled"
    mine = AuditEvent.objects.filter(subject=f"campaign:{campaign.pk}", by="staff:marketing").order_by("pk")
    assert [event.action for event in mine] == ["pause_campaign", "launch_campaign", "cancel_campaign"]


DOABLE = [("draft", "launch"), ("running", "pause"), ("paused", "resume"), ("running", "cancel")]


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize(("stands", "action"), DOABLE)
def test_a_link_changes_nothing(
    staff: Staff, make_member: Member, make_campaign: MakeCampaign, stands: str, action: str, method: str
) -> None:
    make_member()
    campaign = make_campaign(stands)

    assert getattr(staff("marketing"), method)(page_of(campaign, action)).status_code == 200
    assert state(campaign) == stands


@pytest.mark.parametrize(("stands", "action"), DOABLE)
def test_care_and_forgers_may_not(staff: Staff, make_campaign: MakeCampaign, stands: str, action: str) -> None:
    campaign, forger = make_campaign(stands), Client(enforce_csrf_checks=True)
    forger.force_login(User.objects.create_superuser("root"))

    for client in (staff("care"), forger):
        assert client.post(page_of(campaign, action)).status_code == 403
    assert state(campaign) == stands


def test_care_sees_no_campaign(staff: Staff, make_campaign: MakeCampaign) -> None:
    campaign, care = make_campaign(), staff("care")

    for page in (ADMIN, ADD, page_of(campaign), page_of(campaign, "forecast"), page_of(campaign, "progress")):
        assert care.get(page).status_code == 403


@pytest.mark.parametrize(
    ("language", "refusal"),
    [("en", "This campaign is “draft”"), ("ru", "черновик"), ("kk", "жоба")],
)
def test_a_refusal_is_told_in_the_readers_language(
    staff: Staff, make_campaign: MakeCampaign, language: str, refusal: str
) -> None:
    campaign, client = make_campaign(), staff("marketing", language=language)

    for method in (client.get, client.post):
        assert refusal in method(page_of(campaign, "resume"), follow=True).content.decode()
    assert state(campaign) == "draft"


def test_what_is_none_is_not_found(staff: Staff, make_campaign: MakeCampaign) -> None:
    campaign, client = make_campaign(), staff("marketing")

    for page in (page_of(campaign, "explode"), "/admin/campaign/0/", "/admin/campaign/0/launch/"):
        assert client.post(page).status_code in (404, 405)
        assert client.get(page).status_code == 404


def test_the_progress_tells_what_became_of_the_messages(
    staff: Staff, make_member: Member, make_campaign: MakeCampaign
) -> None:
    for _ in range(4):
        make_member()
    campaign, client = make_campaign("running"), staff("marketing")
    first = Message.objects.filter(campaign=campaign.pk).first()
    assert first is not None
    Message.objects.filter(pk=first.pk).update(state="refused", why="left", ended_at=NOW)

    piece = client.get(f"{page_of(campaign, 'progress')}?state=running").content.decode()

    assert "Members gone through: 100 %" in piece
    assert "Messages ended: 1 of 4" in piece
    assert "is no member any more" in piece
    assert 'hx-trigger="every 5s"' in piece


def test_another_state_brings_the_page_anew(staff: Staff, make_campaign: MakeCampaign) -> None:
    campaign = make_campaign("running")

    answer = staff("marketing").get(f"{page_of(campaign, 'progress')}?state=scheduled")

    assert answer.headers["HX-Refresh"] == "true"


def test_lists_and_pages_keep_their_budgets(
    staff: Staff, make_member: Member, make_campaign: MakeCampaign, django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        make_member()
    campaigns = [make_campaign(name=f"Campaign {number}") for number in range(6)]
    running = make_campaign("running")
    client = staff("marketing")

    for page, most in (
        (ADMIN, 12),
        (ADD, 14),
        (page_of(running), 12),
        (page_of(campaigns[0], "forecast"), 20),
        (f"{page_of(running, 'progress')}?state=running", 8),
    ):
        with django_assert_max_num_queries(most):
            assert client.get(page).status_code == 200


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (
            "offer offer=12 interest town rate=0.0312",
            "Offer №12: the likeliest to please among those that fit; it is about an interest of the member's;"
            " it is for the member's town; of members of this age and gender about 3.1 % take it",
        ),
        (
            "offer offer=7 chance rate=0.0200",
            "Offer №7: chosen by chance among those that fit, so that we learn;"
            " of members of this age and gender about 2.0 % take it",
        ),
        ("bonus of November", "bonus of November"),
        ("", ""),
        ("offer", "offer"),
    ],
)
def test_the_reason_of_a_message_in_words(reason: str, told: str, settings: Any) -> None:
    settings.LANGUAGE_CODE = "en"

    assert reasons.in_words(reason) == told


@pytest.mark.parametrize(("language", "words"), [("kk", "Ұсыныс №"), ("ru", "Предложение №"), ("en", "Offer №")])
def test_care_can_answer_why_this(
    staff: Staff, make_member: Member, make_campaign: MakeCampaign, language: str, words: str
) -> None:
    member: Subscriber = make_member()
    make_campaign("running")
    assert Placement.objects.filter(subscriber=member).exists()
    care = staff("care", language=language)
    care.post(f"/admin/care/subscriber/{member.pk}/", {"reason": "A call"})

    page = care.get(f"/admin/care/subscriber/{member.pk}/").content.decode()

    assert words in page
    assert "rate=" not in page
