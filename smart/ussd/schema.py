"""The USSD interface as OpenAPI describes it (documentation only; the dialects read requests themselves)."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from core.lib.problems import ProblemSerializer

NATIVE = """\
The gateway posts what was dialed (`dialed`, the first step) or pressed (`input`, each further one), numbering the
steps of a session by one. A step sent again with the same sequence gets the same bytes and acts once. A gap in the
numbers, an unknown, foreign or expired session gets a polite `end`.
"""


class StepRequest(serializers.Serializer[Any]):
    """One step; exactly one of `dialed` and `input`."""

    msisdn = serializers.CharField(max_length=40, help_text="The subscriber's number, in any usual spelling.")
    dialed = serializers.CharField(max_length=182, required=False, help_text="The code dialed: `*555*1#`.")
    input = serializers.CharField(max_length=182, required=False, allow_blank=True, help_text="The key pressed.")
    sequence = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    visited_plmn = serializers.CharField(
        max_length=6,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="MCC and MNC of the serving network.",
    )


class StepReply(serializers.Serializer[Any]):
    """What to show."""

    action = serializers.ChoiceField(["continue", "end"])
    text = serializers.CharField(help_text="At most 182 GSM-7 septets or 80 UCS-2 characters.")
    encoding = serializers.ChoiceField(["gsm7", "ucs2"])


class AfricasTalkingRequest(serializers.Serializer[Any]):
    """The form Africa's Talking posts."""

    sessionId = serializers.CharField(max_length=128)
    phoneNumber = serializers.CharField(max_length=40)
    networkCode = serializers.CharField(max_length=16, required=False, allow_blank=True)
    serviceCode = serializers.CharField(max_length=182)
    text = serializers.CharField(max_length=1000, required=False, allow_blank=True)


PROBLEMS: dict[Any, Any] = {
    (401, "application/problem+json"): ProblemSerializer,
    (413, "application/problem+json"): ProblemSerializer,
    (422, "application/problem+json"): ProblemSerializer,
}
SIGNATURE = [
    OpenApiParameter(name, str, OpenApiParameter.HEADER, required=True)
    for name in ("X-Smart-Key", "X-Smart-Timestamp", "X-Smart-Nonce", "X-Smart-Signature")
]
