"""The shapes of partners' JSON: TM Forum's names where TMF671 has one, camelCase; docs/api.md says what maps."""

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from rest_framework import serializers

from campaigns.codes.pool import MOST_AT_ONCE
from campaigns.models import Offer
from campaigns.offers.drafts import Draft
from core.lib import astana, problems, strict
from core.lib.languages import LANGUAGES

_LAST_SECOND = time(23, 59, 59)
MOST_CODES = 5000
MOST_A_PAGE = 100
_ID_MAX = 2**63 - 1
# What a draft calls its fields, and how they are spelled here.
NAMES = {
    **{f"{name}_{code}": f"{name}.{code}" for name in ("title", "text") for code in LANGUAGES},
    "valid_from": "validFor.startDateTime",
    "valid_to": "validFor.endDateTime",
    "min_age": "minAge",
    "shared_code": "sharedCode",
}


class KnownFieldsMixin(serializers.Serializer[Any]):
    """Refuses a field that it does not know: a mistyped name would be lost silently."""

    ignored: frozenset[str] = frozenset()

    def to_internal_value(self, data: Any) -> Any:
        """Raise ValidationError with each unknown field."""
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields and name not in self.ignored]
            if unknown:
                told = serializers.ErrorDetail("There is no such field.", code="unknown_field")
                raise serializers.ValidationError({str(name): [told] for name in unknown})
        return super().to_internal_value(data)


class TitleSerializer(KnownFieldsMixin):
    """A title by language."""

    kk = strict.TextField(max_length=200, allow_blank=True, required=False)
    ru = strict.TextField(max_length=200, allow_blank=True, required=False)
    en = strict.TextField(max_length=200, allow_blank=True, required=False)


class TextSerializer(KnownFieldsMixin):
    """A message by language; `{code}` stands for the code, `{phone}` and `{url}` for those fields."""

    kk = strict.TextField(max_length=2000, allow_blank=True, required=False)
    ru = strict.TextField(max_length=2000, allow_blank=True, required=False)
    en = strict.TextField(max_length=2000, allow_blank=True, required=False)


class PeriodSerializer(KnownFieldsMixin):
    """TimePeriod of TM Forum: whole days in Astana, from their first second to their last."""

    startDateTime = strict.InstantField(default_timezone=astana.ZONE, help_text="00:00:00 in Astana, in any offset.")
    endDateTime = strict.InstantField(default_timezone=astana.ZONE, help_text="23:59:59 in Astana, in any offset.")

    def validate_startDateTime(self, value: datetime) -> date:
        """The day that begins then."""
        return _day(value, time())

    def validate_endDateTime(self, value: datetime) -> date:
        """The day that ends then."""
        return _day(value, _LAST_SECOND)


def _day(instant: datetime, clock: time) -> date:
    try:
        local = instant.astimezone(astana.ZONE)
    except OverflowError:  # the years 1 and 9999
        raise serializers.ValidationError("There is no such day.", code="not_a_day") from None
    if local.time() != clock:
        raise serializers.ValidationError(f"An offer lasts whole days: {clock} in Astana.", code="not_a_day")
    return local.date()


class OfferChangeSerializer(KnownFieldsMixin):
    """What an offer says; what may be said of it is judged by the rules, all at once."""

    ignored = frozenset({"id", "href", "name", "description", "type", "reason", "lastUpdate"})

    title = TitleSerializer(required=False)
    text = TextSerializer(required=False)
    category = strict.TextField(max_length=30, required=False)
    validFor = PeriodSerializer(required=False)
    channels = serializers.ListField(
        child=strict.TextField(max_length=4), max_length=10, required=False, help_text="`sms`, `ussd`, `ivr`."
    )
    interests = serializers.ListField(child=strict.TextField(max_length=30), max_length=64, required=False)
    towns = serializers.ListField(
        child=strict.TextField(max_length=40), max_length=500, required=False, help_text="Codes; none: everywhere."
    )
    discount = strict.WholeField(min_value=1, max_value=100, allow_null=True, required=False, help_text="Per cent.")
    minAge = strict.WholeField(min_value=0, max_value=99, required=False)
    codes = serializers.ChoiceField(Offer.Codes.choices, required=False)
    sharedCode = strict.TextField(max_length=20, allow_blank=True, required=False)
    uses = strict.WholeField(min_value=1, max_value=1000, required=False, help_text="Times a code redeems.")
    phone = strict.TextField(max_length=20, allow_blank=True, required=False)
    url = strict.TextField(max_length=200, allow_blank=True, required=False)

    def changes(self) -> dict[str, Any]:
        """What was given, as fields of a draft."""
        given: dict[str, Any] = dict(self.validated_data)
        for name in ("title", "text"):
            given.update({f"{name}_{code}": text for code, text in given.pop(name, {}).items()})
        if period := given.pop("validFor", None):
            given.update(valid_from=period["startDateTime"], valid_to=period["endDateTime"])
        for name in {"channels", "interests", "towns"} & set(given):
            given[name] = tuple(given[name])
        given.pop("lifecycleStatus", None)
        for name, ours in (("minAge", "min_age"), ("sharedCode", "shared_code")):
            if name in given:
                given[ours] = given.pop(name)
        return given


class NewOfferSerializer(OfferChangeSerializer):
    """A new offer: a draft, or submitted at once."""

    lifecycleStatus = serializers.ChoiceField(["draft", "submitted"], default="draft")


class OfferSerializer(serializers.Serializer[Any]):
    """An offer as it stands."""

    id = serializers.CharField(source="pk")
    href = serializers.SerializerMethodField()
    name = serializers.SerializerMethodField(help_text="The title, in Russian or the next language there is.")
    description = serializers.SerializerMethodField(help_text="The message, in Russian or the next language there is.")
    type = serializers.SerializerMethodField(help_text="`discount`, or `information` where no per cents are given.")
    lifecycleStatus = serializers.ChoiceField(Offer.State.choices, source="state")
    validFor = serializers.SerializerMethodField()
    lastUpdate = serializers.DateTimeField(source="changed_at", default_timezone=astana.ZONE)
    reason = serializers.CharField(help_text="Why it was rejected.")
    title = serializers.SerializerMethodField()
    text = serializers.SerializerMethodField()
    category = serializers.CharField(source="category.code")
    channels = serializers.ListField(child=serializers.CharField())
    interests = serializers.ListField(child=serializers.CharField())
    towns = serializers.ListField(child=serializers.CharField())
    discount = serializers.IntegerField(allow_null=True)
    minAge = serializers.IntegerField(source="min_age")
    codes = serializers.ChoiceField(Offer.Codes.choices)
    sharedCode = serializers.CharField(source="shared_code")
    uses = serializers.IntegerField()
    phone = serializers.CharField()
    url = serializers.CharField()

    def get_href(self, offer: Offer) -> str:
        """Where it is found."""
        return href(offer)

    def get_name(self, offer: Offer) -> str:
        """TMF's one name."""
        return offer.title_in("ru")

    def get_description(self, offer: Offer) -> str:
        """TMF's one description."""
        return offer.text_ru or offer.text_kk or offer.text_en

    def get_type(self, offer: Offer) -> str:
        """What it promises."""
        return "discount" if offer.discount else "information"

    def get_validFor(self, offer: Offer) -> dict[str, str]:
        """Its days, as instants."""
        return period(offer)

    def get_title(self, offer: Offer) -> dict[str, str]:
        """All its titles."""
        return {code: getattr(offer, f"title_{code}") for code in LANGUAGES}

    def get_text(self, offer: Offer) -> dict[str, str]:
        """All its texts."""
        return {code: getattr(offer, f"text_{code}") for code in LANGUAGES}


class UnderstoodSerializer(serializers.Serializer[Any]):
    """What was understood of a file's row, as an offer says it; a value that was not understood is empty."""

    title = TitleSerializer()
    text = TextSerializer()
    category = serializers.CharField(allow_blank=True)
    validFor = serializers.DictField(
        child=serializers.DateTimeField(), help_text="As an offer has it; a day that was not understood is left out."
    )
    channels = serializers.ListField(child=serializers.CharField())
    interests = serializers.ListField(child=serializers.CharField())
    towns = serializers.ListField(child=serializers.CharField(), help_text="Codes; none: everywhere.")
    discount = serializers.IntegerField(allow_null=True)
    minAge = serializers.IntegerField()
    codes = serializers.ChoiceField(Offer.Codes.choices)
    sharedCode = serializers.CharField(allow_blank=True)
    uses = serializers.IntegerField()
    phone = serializers.CharField(allow_blank=True)
    url = serializers.CharField(allow_blank=True)


def understood(draft: Draft) -> dict[str, Any]:
    """A draft in the shape of UnderstoodSerializer."""
    return {
        "title": {code: getattr(draft, f"title_{code}") for code in LANGUAGES},
        "text": {code: getattr(draft, f"text_{code}") for code in LANGUAGES},
        "category": draft.category,
        "validFor": period(draft),
        "channels": list(draft.channels),
        "interests": list(draft.interests),
        "towns": list(draft.towns),
        "discount": draft.discount,
        "minAge": draft.min_age,
        "codes": draft.codes,
        "sharedCode": draft.shared_code,
        "uses": draft.uses,
        "phone": draft.phone,
        "url": draft.url,
    }


def href(offer: Offer) -> str:
    """Where an offer is found."""
    return f"/api/partners/v1/offers/{offer.pk}/"


def period(said: Offer | Draft) -> dict[str, str]:
    """The days of an offer as TimePeriod; of a draft, those it has."""
    found = {}
    if said.valid_from:
        found["startDateTime"] = astana.start_of(said.valid_from).astimezone(astana.ZONE).isoformat()
    if said.valid_to:
        found["endDateTime"] = datetime.combine(said.valid_to, _LAST_SECOND, astana.ZONE).isoformat()
    return found


class PageSerializer(serializers.Serializer[Any]):
    """Some offers, latest first."""

    results = OfferSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="`cursor` of the next page; null on the last.")


class ListSerializer(serializers.Serializer[Any]):
    """Which offers to list."""

    lifecycleStatus = serializers.ChoiceField(Offer.State.choices, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=MOST_A_PAGE, default=50)
    cursor = serializers.IntegerField(min_value=1, max_value=_ID_MAX, required=False, help_text="`next` of a page.")


class CodesSerializer(KnownFieldsMixin):
    """A part of a partner's own codes."""

    codes = serializers.ListField(
        child=strict.TextField(max_length=40, allow_blank=True),
        min_length=1,
        max_length=MOST_CODES,
        help_text=f"4 to 20 capital letters and digits each; {MOST_CODES} a request.",
    )


class CodesTakenSerializer(serializers.Serializer[Any]):
    """How many codes the pool got."""

    added = serializers.IntegerField(max_value=MOST_AT_ONCE)


class RedeemSerializer(KnownFieldsMixin):
    """A code at a till."""

    code = strict.TextField(max_length=60, help_text="As typed: case, spaces and dashes do not matter.")
    receipt = strict.PatternField(
        r"^[!-~]{1,60}\Z",
        required=False,
        help_text="The shop's own reference; the same again answers the same and redeems once.",
    )


class TakenOfferSerializer(serializers.Serializer[Any]):
    """The offer a code redeemed, as far as a till shows it."""

    id = serializers.CharField()
    href = serializers.CharField()
    name = serializers.CharField()
    discount = serializers.IntegerField(allow_null=True)


class RedemptionSerializer(serializers.Serializer[Any]):
    """A code was redeemed. Whose it was nobody is told."""

    id = serializers.CharField()
    offer = TakenOfferSerializer()
    redeemedAt = serializers.DateTimeField()
    receipt = serializers.CharField()


class PartSerializer(serializers.Serializer[Any]):
    """A part of a count; without `key` it is all others together."""

    key = serializers.CharField(required=False, help_text="A town's code, an hour in Astana, a language, a variant.")
    count = serializers.IntegerField()


class ResultSerializer(serializers.Serializer[Any]):
    """An offer's results in a campaign, as the portal shows them, rounded. Left out: too small, or among all others."""

    offerId = serializers.CharField()
    campaign = serializers.CharField(help_text="The campaign's name.")
    day = serializers.DateField(help_text="The Astana day these figures are of; they are written down once a day.")
    isFinal = serializers.BooleanField()
    totals = serializers.DictField(child=serializers.IntegerField())
    parts = serializers.DictField(
        child=serializers.DictField(child=PartSerializer(many=True)), help_text="dimension → measure → parts"
    )


class ResultsSerializer(serializers.Serializer[Any]):
    """All results of the partner, the newest campaign first."""

    results = ResultSerializer(many=True)


class FieldErrorSerializer(serializers.Serializer[Any]):
    """Something wrong with one field."""

    field = serializers.CharField(help_text="Dotted, such as `validFor.endDateTime`; empty for the whole.")
    code = serializers.CharField()
    detail = serializers.CharField()


class PartnerProblemSerializer(problems.ProblemSerializer):
    """Problem details; `errors` lists what is wrong with which field."""

    def get_fields(self) -> dict[str, Any]:
        """Replace the other interfaces' `errors` by a list."""
        return {**super().get_fields(), "errors": FieldErrorSerializer(many=True, required=False)}
