"""Pages of offers: what is wrong is told at its field, the preview keeps nothing, each step by its button."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Offer, OfferEvent, PartnerMember
from tests.campaigns.conftest import DRAFT

pytestmark = pytest.mark.django_db
GOOD = {
    "title_ru": "Кофе -20%",
    "text_ru": "Кофейня «Арбат»: кофе -20% по коду {code}.",
    "category": "food",
    "valid_from": "2026-12-01",
    "valid_to": "2026-12-10",
    "channels": ["sms"],
    "interests": ["coffee"],
    "towns": ["almaty", "astana"],
    "discount": "20",
    "codes": "shared",
    "shared_code": "arbat20",
    "uses": "",
}
NEW = "/partners/offers/new/"


@pytest.fixture
def editor(as_role: Callable[[str], Client]) -> Client:
    client = as_role("editor")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def errors_of(client: Client, **given: object) -> dict[str, list[str]]:
    response = client.post(NEW, GOOD | given)
    assert response.status_code == 422
    return {name: list(errors) for name, errors in response.context["form"].errors.items()}


def test_a_good_offer_is_saved_as_a_draft(editor: Client, team: dict[str, PartnerMember]) -> None:
    response = editor.post(NEW, GOOD | {"save": "yes"})

    offer = Offer.objects.get()
    assert response["Location"] == reverse("partners:offer", args=[offer.pk])
    assert (offer.state, offer.shared_code, offer.uses) == ("draft", "ARBAT20", 1)
    assert (offer.towns, offer.created_by) == (["almaty", "astana"], f"partner:{team['editor'].user.username}")


def test_one_button_saves_and_submits(editor: Client) -> None:
    editor.post(NEW, GOOD | {"submit": "yes"})

    assert Offer.objects.get().state == "submitted"


@pytest.mark.parametrize(
    ("given", "name", "words"),
    [
        ({"title_ru": ""}, "title_ru", "A title is missing"),
        ({"text_ru": ""}, "text_ru", "A text is missing"),
        ({"text_ru": "Без кода"}, "text_ru", "The text has no {code}, though codes are given"),
        ({"category": ""}, "category", "This field is required."),
        ({"category": "alcohol"}, "category", "Select a valid choice. alcohol is not one of the available choices."),
        ({"valid_to": "2026-11-25"}, "valid_to", "Valid to 2026-11-25 is before valid from 2026-12-01"),
        ({"valid_to": "31.02.2026"}, "valid_to", "Enter a valid date."),
        ({"channels": []}, "channels", "A channel is missing"),
        ({"towns": ["atlantis"]}, "towns", "Select a valid choice. atlantis is not one of the available choices."),
        ({"discount": "101"}, "discount", "The discount must be between 1 and 100 per cent: 101"),
        ({"discount": "9" * 30}, "discount", f"The discount must be between 1 and 100 per cent: {'9' * 30}"),
        ({"discount": "viel"}, "discount", "Enter a whole number."),
        ({"shared_code": "no"}, "shared_code", "A code for all has 4 to 20 capital letters and digits"),
        ({"uses": "0"}, "uses", "A code redeems between 1 and 1000 times"),
        ({"min_age": "-1"}, "min_age", "The age must be a number up to 99: -1"),
        ({"category": "health", "min_age": "16"}, "min_age", "Category health is for people of 18 and more"),
        (
            {"url": "https://evil.example/"},
            "url",
            "A link begins with https:// and leads to an address agreed with you: https://evil.example/",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
)
def test_what_is_wrong_is_told_at_its_field(editor: Client, given: dict[str, object], name: str, words: str) -> None:
    assert errors_of(editor, **given) == {name: [words]}
    assert not Offer.objects.exists()


def test_all_that_is_wrong_is_told_at_once(editor: Client) -> None:
    assert set(errors_of(editor, title_ru="", discount="0", channels=[], valid_from="")) == {
        "title_ru",
        "discount",
        "channels",
        "valid_from",
    }


def test_an_identical_offer_is_reported(editor: Client) -> None:
    editor.post(NEW, GOOD)

    assert errors_of(editor) == {
        "__all__": [f"An identical offer is there already: №{Offer.objects.get().pk}"],
        "shared_code": ["Another offer of yours has this code"],
    }


def test_a_wrong_form_keeps_what_was_typed(editor: Client) -> None:
    page = editor.post(NEW, GOOD | {"title_ru": "<b>Цветы</b> {{ 7*7 }}", "discount": "0"}).content.decode()

    assert "&lt;b&gt;Цветы&lt;/b&gt; {{ 7*7 }}" in page
    assert 'value="almaty" id="id_towns' in page


def test_an_approved_offer_goes_back_to_approval_by_an_edit(editor: Client, make_offer: Callable[..., Offer]) -> None:
    offer = make_offer("approved")
    address = reverse("partners:offer_edit", args=[offer.pk])
    assert "goes back to approval" in editor.get(address).content.decode()

    editor.post(address, GOOD | {"save": "yes"})

    offer.refresh_from_db()
    assert (offer.state, offer.discount) == ("submitted", 20)


def test_the_form_shows_what_the_offer_says(editor: Client, make_offer: Callable[..., Offer]) -> None:
    """Saved untouched it stays approved: nothing was lost on the way through the form."""
    offer = make_offer("approved", towns=("almaty",), discount=30, text_ru="Первая строка.\nВторая строка.")
    address = reverse("partners:offer_edit", args=[offer.pk])
    form = editor.get(address).context["form"]
    shown = {name: form[name].value() for name in form.fields}

    editor.post(address, {name: value for name, value in shown.items() if value is not None})

    offer.refresh_from_db()
    assert (offer.state, offer.text_ru) == ("approved", "Первая строка.\nВторая строка.")


def test_an_ended_offer_is_not_edited(editor: Client, make_offer: Callable[..., Offer]) -> None:
    offer = make_offer("ended")

    assert editor.get(reverse("partners:offer_edit", args=[offer.pk])).status_code == 302


def test_submit_and_take_back(editor: Client, make_offer: Callable[..., Offer]) -> None:
    offer = make_offer()

    editor.post(reverse("partners:offer_submit", args=[offer.pk]))
    editor.post(reverse("partners:offer_withdraw", args=[offer.pk]))

    assert list(OfferEvent.objects.order_by("pk").values_list("after", flat=True)) == ["draft", "submitted", "draft"]


def test_ending_asks_first(editor: Client, make_offer: Callable[..., Offer]) -> None:
    offer = make_offer("approved")
    address = reverse("partners:offer_end", args=[offer.pk])

    assert "cannot be taken up again" in editor.get(address).content.decode()
    assert Offer.objects.get().state == "approved"
    editor.post(address)
    assert Offer.objects.get().state == "ended"


def test_what_cannot_be_done_now_is_told(editor: Client, make_offer: Callable[..., Offer]) -> None:
    offer = make_offer("approved")

    page = editor.post(reverse("partners:offer_submit", args=[offer.pk]), follow=True)

    assert "that cannot be done now" in page.content.decode()


def test_the_preview_is_the_message_of_each_reader(editor: Client) -> None:
    response = editor.post(reverse("partners:offer_preview"), GOOD | {"text_en": "20% off coffee, code {code}"})
    kk, ru, en = response.context["previews"]

    assert ru.text == kk.text == "Кофейня «Арбат»: кофе -20% по коду ARBAT20."
    assert (kk.is_fallback, kk.written_in, ru.is_fallback) == (True, "ru", False)
    assert (ru.encoding, ru.segments) == ("UCS-2", 1)
    assert (en.text, en.encoding, en.segments) == ("20% off coffee, code ARBAT20", "GSM-7", 1)
    assert not Offer.objects.exists()


def test_a_long_text_takes_its_segments(editor: Client) -> None:
    given = {"text_en": "x" * 161, "text_ru": "", "codes": "none"}
    kk, _ru, en = editor.post(reverse("partners:offer_preview"), GOOD | given).context["previews"]

    assert (en.encoding, en.segments) == ("GSM-7", 2)
    assert kk.text == "", "nobody is sent English who did not choose it"


def test_a_text_with_markup_stays_letters_in_the_preview(editor: Client) -> None:
    page = editor.post(reverse("partners:offer_preview"), GOOD | {"text_ru": "<script>{{ 7*7 }}</script>"})

    assert "&lt;script&gt;{{ 7*7 }}&lt;/script&gt;" in page.content.decode()


def test_the_list_tells_state_and_reason(editor: Client, make_offer: Callable[..., Offer]) -> None:
    make_offer("rejected", title_ru="Чай")
    make_offer("approved", title_ru="Кофе")

    page = editor.get(reverse("partners:offers"))
    assert [str(offer) for offer in page.context["page"]] == ["Кофе", "Чай"]
    assert "Чек" in page.content.decode()
    assert len(editor.get(reverse("partners:offers"), {"state": "rejected"}).context["page"]) == 1
    assert len(editor.get(reverse("partners:offers"), {"q": "КОФЕ"}).context["page"]) == 1
    assert "No offer fits" in editor.get(reverse("partners:offers"), {"q": "\0зонт"}).content.decode()


@pytest.mark.parametrize("query", [{"state": "nonsense"}, {"page": "99"}, {"page": "-1"}, {"q": "%_'\\"}])
def test_any_query_is_borne(editor: Client, make_offer: Callable[..., Offer], query: dict[str, str]) -> None:
    make_offer()

    assert editor.get(reverse("partners:offers"), query).status_code == 200


def test_nobody_has_offers_at_first(editor: Client) -> None:
    for name in ("overview", "offers"):
        assert "No offers yet" in editor.get(reverse(f"partners:{name}")).content.decode()


def test_the_history_names_our_own_people_only(
    editor: Client, make_offer: Callable[..., Offer], team: dict[str, PartnerMember]
) -> None:
    make_offer("rejected")
    editor.post(NEW, GOOD)
    page = editor.get(reverse("partners:overview"))

    assert [(step.state, step.by) for step in page.context["events"]] == [
        ("draft", "Timur"),
        ("rejected", "SMART"),
        ("submitted", "somebody who left"),
        ("draft", "somebody who left"),
    ]
    assert "erlan" not in page.content.decode()


def test_an_edit_is_history_too(editor: Client, make_offer: Callable[..., Offer]) -> None:
    offer = make_offer()
    editor.post(reverse("partners:offer_edit", args=[offer.pk]), GOOD)

    steps = editor.get(reverse("partners:offer", args=[offer.pk])).context["steps"]

    assert [step.words for step in steps] == ["edited", "draft"]
    assert DRAFT.title_ru != Offer.objects.get().title_ru


def test_a_partner_brings_its_own_codes(editor: Client, make_offer: Callable[..., Offer]) -> None:
    offer = make_offer("draft", codes="unique", text_ru="Код {code}", text_kk="")
    page = reverse("partners:offer", args=[offer.pk])
    assert "Codes of your own" in editor.get(page).content.decode()

    told = editor.post(
        reverse("partners:offer_codes", args=[offer.pk]), {"codes": "ARBAT001\narbat002 \r\n"}, follow=True
    )

    assert "Codes taken: 2." in told.content.decode()
    assert set(offer.pool.values_list("code", flat=True)) == {"ARBAT001", "ARBAT002"}


def test_wrong_codes_are_told_by_line_and_none_is_taken(editor: Client, make_offer: Callable[..., Offer]) -> None:
    offer = make_offer("draft", codes="unique", text_ru="Код {code}", text_kk="")

    told = editor.post(reverse("partners:offer_codes", args=[offer.pk]), {"codes": "ARBAT001\n=1+1"}, follow=True)

    assert "line 2: a code has 4 to 20 capital letters and digits" in told.content.decode()
    assert not offer.pool.exists()
