"""The handset page: a phone whose dials go through the simulated gateway to the real USSD endpoint."""

import json
from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils import formats, timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST, require_safe

from core.lib import astana, clock, crypto
from core.lib.errors import Refusal
from core.lib.http.client import HttpClient, NotSent, RequestFailed
from enrollment.models import Channel, Membership, Subscriber
from messaging import outbox
from messaging.kinds import WHY
from messaging.models import Message, MessageClass
from smart import tasks
from smart.local import clock as movable
from smart.local.handset import answering
from smart.local.models import DemoBase, HandsetMessage, HandsetNetwork
from smart.site.views import CODES
from smart.ussd import dialects

MOST_PEOPLE = 40
MOST_MESSAGES = 20
_OFFER = {
    "kk": "Шай-кофе -20%: «Дастархан» дүкендері, жексенбіге дейін. Бас тарту: *555*2#",
    "ru": "Чай и кофе -20%: магазины «Дастархан» до воскресенья. Отказ: *555*2#",
    "en": "Tea and coffee -20% at Dastarkhan shops until Sunday. Stop: *555*2#",
}
_MOST_TYPED = 182
_MOST_BYTES = 64 * 1024
_TO_THE_MINUTE = len("2026-12-01T00:00")


@require_safe
@ensure_csrf_cookie
def page(request: HttpRequest) -> HttpResponse:
    """The phone, its owner, its network and its clock."""
    return render(
        request,
        "handset/page.html",
        {
            "people": _described(_people("")),
            "clock": _clock(),
            "codes": CODES,
            "dialects": dialects.DIALECTS.values(),
            "network": HandsetNetwork.objects.first() or HandsetNetwork(),
        },
    )


@require_safe
def people(request: HttpRequest) -> JsonResponse:
    """Subscribers to choose from: by town, the last digits, or all; never a number."""
    return JsonResponse({"people": _described(_people(request.GET.get("q", "").replace("\0", "")[:40].strip()))})


def _people(wanted: str) -> QuerySet[Subscriber]:
    everybody = Subscriber.objects.filter(ended_at__isnull=True).select_related("town").order_by("pk")
    everybody = everybody.annotate(
        is_member=Exists(Membership.objects.filter(subscriber=OuterRef("pk"), left_at__isnull=True))
    )
    if wanted.isdecimal():
        return everybody.filter(pk=int(wanted[:18]))
    if wanted:
        names = everybody.filter(town__name_ru__istartswith=wanted) | everybody.filter(
            town__name_kk__istartswith=wanted
        )
        return names | everybody.filter(town__name_en__istartswith=wanted) | everybody.filter(brand=wanted.lower())
    return everybody


def _described(found: QuerySet[Subscriber]) -> list[dict[str, Any]]:
    return [
        {
            "id": person.pk,
            "label": " · ".join(
                filter(
                    None,
                    (
                        f"#{person.pk}",
                        person.masked_msisdn,
                        str(person.town or ""),
                        person.language,
                        person.get_brand_display() if person.brand != "activ" else "",
                        str(person.get_line_status_display()) if person.line_status != "active" else "",
                        _("member") if person.is_member else "",  # type: ignore[attr-defined]
                    ),
                )
            ),
        }
        for person in found[:MOST_PEOPLE]
    ]


def answers(view: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[HttpRequest], JsonResponse]:
    """Make a view of a function from JSON to JSON; what is refused or missing is told in words."""

    @require_POST
    def wrapped(request: HttpRequest) -> JsonResponse:
        try:
            data = json.loads(request.body or b"{}")
            if not isinstance(data, dict):
                raise ValueError
            return JsonResponse(view(data))
        except Refusal as refusal:
            return JsonResponse({"error": str(refusal)}, status=refusal.status)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return JsonResponse({"error": _("That was not understood.")}, status=422)
        except RequestFailed:
            return JsonResponse({"error": _("The simulated operator does not answer.")}, status=502)

    return wrapped


@answers
def dial(data: dict[str, Any]) -> dict[str, Any]:
    """Dial a code from somebody's phone."""
    person = get_object_or_404(Subscriber, pk=int(data["person"]))
    return _simulator(
        "/gateway/dial",
        {
            "msisdn": crypto.decrypt_msisdn(person.msisdn),
            "code": str(data["code"])[:_MOST_TYPED],
            "dialect": str(data.get("dialect", "")),
            "network": str(data.get("network", "")),
        },
    )


@answers
def number(data: dict[str, Any]) -> dict[str, Any]:
    """The whole number of a made-up subscriber, to be looked up on the care desk; of any other none."""
    person = get_object_or_404(Subscriber, pk=int(data["person"]))
    is_made_up = DemoBase.objects.filter(begun_at=person.created_at).exists()
    return {"number": _spelt(crypto.decrypt_msisdn(person.msisdn)) if is_made_up else ""}


def _spelt(msisdn: str) -> str:
    """As people write it: +7 701 000 00 01."""
    return f"+{msisdn[0]} {msisdn[1:4]} {msisdn[4:7]} {msisdn[7:9]} {msisdn[9:]}"


@answers
def press(data: dict[str, Any]) -> dict[str, Any]:
    """Answer what the phone shows."""
    return _simulator("/gateway/press", {"session": str(data["session"]), "typed": str(data["input"])[:_MOST_TYPED]})


@answers
def answer(data: dict[str, Any]) -> dict[str, Any]:
    """Answer a message that begins a conversation: a survey's invitation by pushed USSD or by call."""
    return answering.turn(data)


@answers
def balance(data: dict[str, Any]) -> dict[str, Any]:
    """Let the operator's balance be normal, slow or out of order."""
    return _simulator(
        "/balance/mode", {"mode": {"normal": "normal", "slow": "slow", "failing": "failing"}[data["mode"]]}
    )


@require_safe
def inbox(request: HttpRequest) -> JsonResponse:
    """The phone's messages, newest first, and how many are under way or wait in the outbox, with the reason."""
    person = request.GET.get("person", "")
    if not person.isdecimal():
        return JsonResponse({"messages": [], "waiting": []})
    arrived = HandsetMessage.objects.filter(subscriber_id=int(person[:18]), arrived_at__isnull=False)
    waiting = Message.objects.filter(subscriber_id=int(person[:18]), state=Message.State.WAITING).order_by("not_before")
    shown = list(arrived.order_by("-arrived_at", "-pk")[:MOST_MESSAGES])
    answerable = answering.answerable(shown)
    return JsonResponse(
        {
            "messages": [
                {
                    "text": message.text,
                    "at": f"{message.arrived_at.astimezone(astana.ZONE):%d.%m %H:%M}",
                    "channel": message.channel,
                    "answer": message.pk if message.pk in answerable else None,
                }
                for message in shown
                if message.arrived_at
            ],
            "waiting": [
                {
                    "text": message.text,
                    "from": f"{message.not_before.astimezone(astana.ZONE):%d.%m %H:%M}",
                    "why": str(WHY.get(message.why, "")),
                }
                for message in waiting[:MOST_MESSAGES]
            ],
        }
    )


@answers
def network(data: dict[str, Any]) -> dict[str, Any]:
    """Let the simulated network be slow, lossy, or silent about what it delivered."""
    told = {
        "delay_seconds": min(max(int(data["delay"]), 0), 3600),
        "loss_percent": min(max(int(data["loss"]), 0), 100),
        "sends_receipts": bool(data["receipts"]),
    }
    HandsetNetwork.objects.update_or_create(pk=1, defaults=told)
    return told


@answers
def offer(data: dict[str, Any]) -> dict[str, Any]:
    """Put a made-up offer into the outbox for every member, as a campaign would."""
    now = clock.now()
    number = Message.objects.filter(kind="offer").values("origin").distinct().count() + 1
    stream = outbox.stream_for(code="demo-offers", message_class=MessageClass.OFFER)
    members = Membership.objects.filter(left_at__isnull=True).values_list("subscriber_id", flat=True)
    made = outbox.put(
        stream=stream,
        subscribers=list(members),
        channel=Channel.SMS,
        texts_by_language=_OFFER,
        origin=f"demo:{number}",
        not_before=now,
        not_after=now + timedelta(days=3),
        now=now,
        reason="demo",
    )
    return {"done": _("Offers put into the outbox: %(made)s") % {"made": made}}


def clock_view(request: HttpRequest) -> JsonResponse:
    """Tell the programme's time, or move it and do at once what has come due."""
    return _move(request) if request.method == "POST" else JsonResponse(_clock())


@answers
def _move(data: dict[str, Any]) -> dict[str, Any]:
    now = clock.now()
    month = astana.start_of(astana.next_month(astana.month_of(now)))
    targets = {
        "hour": now + timedelta(hours=1),
        "day": now + timedelta(days=1),
        "week": now + timedelta(hours=168),
        "before-month": month - timedelta(seconds=1),
        "month": month,
    }
    to = targets[data["to"]] if data["to"] in targets else _typed_instant(str(data["to"]))
    if data["to"] != _to_the_minute(now):  # the present minute is here; in its last second no later one is left of it
        movable.move_to(to)
    return {**_clock(), "done": _catch_up()}


def _typed_instant(text: str) -> datetime:
    typed = datetime.fromisoformat(text)
    if len(text) == _TO_THE_MINUTE:  # the field has no seconds: the end of that minute is meant
        typed = typed.replace(second=59)
    return typed.replace(tzinfo=astana.ZONE) if typed.tzinfo is None else typed


def _catch_up() -> str:
    """Do what beat would ring for, so that it can be seen now."""
    tasks.make_partitions()
    lapsed = tasks.expire_grants() or 0
    issued = tasks.issue_month() or 0
    tasks.announce_bonuses()
    tasks.announce_lapses()
    tasks.sweep_messages()
    tasks.end_messages()
    tasks.file_dials()
    return _("Bonuses issued: %(issued)s, lapsed or cancelled: %(lapsed)s") % {"issued": issued, "lapsed": lapsed}


def _clock() -> dict[str, Any]:
    now = clock.now().astimezone(astana.ZONE)
    return {
        "now": _day(now),
        "time": time(now.hour, now.minute, now.second).isoformat(),
        "iso": _to_the_minute(now),
        "is_moved": movable.ahead() > timedelta(),
    }


def _to_the_minute(now: datetime) -> str:
    return now.astimezone(astana.ZONE).replace(tzinfo=None).isoformat(timespec="minutes")


def _day(now: datetime) -> str:
    day = formats.date_format(timezone.localtime(now), _("l, j E Y"))  # each language has its own order
    return day.lower() if get_language() in ("kk", "ru") else day


def _simulator(path: str, data: dict[str, Any]) -> dict[str, Any]:
    """Ask the simulated operator. Raises RequestFailed."""
    where = urlsplit(settings.OPERATOR_BALANCE_URL)
    if not where.hostname:
        raise NotSent
    client = HttpClient(f"http://{where.netloc}", most_bytes=_MOST_BYTES, idle_seconds=0)
    headers = {"Authorization": f"Bearer {settings.OPERATOR_BALANCE_TOKEN}", "Content-Type": "application/json"}
    answer = client.exchange("POST", path, body=json.dumps(data).encode(), headers=headers, seconds=30)
    said = json.loads(answer.body)
    if not isinstance(said, dict):
        raise ValueError
    return said
