"""The demo base: subscribers of a real-looking export, members with a history, staff accounts."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, User

from bonuses import lifecycle as bonuses
from campaigns.models import Offer, Partner
from campaigns.offers import approval
from campaigns.offers.drafts import Draft
from campaigns.partners import accounts
from core.lib import astana
from enrollment.models import Subscriber
from messaging import outbox
from messaging.models import SendingEpoch
from smart.directory import imports
from smart.local import clients, demo_surveys, past, present
from smart.local.accounts import DEMO_ACCOUNTS, DEMO_PARTNERS_PEOPLE, DEMO_PASSWORD
from smart.local.models import DemoBase

FILE = Path(__file__).parent / "data" / "subscribers.csv"


class HalfMade(Exception):
    """An interrupted start has left a part of the demo base: nobody knows which."""


def load(*, now: datetime, say: Callable[[str], object] = lambda _: None) -> bool:
    """Load everything that is not there yet, telling each long step; return whether the base was. Raises HalfMade."""
    if DemoBase.objects.filter(finished_at=None).exists():
        raise HalfMade
    making = None if Subscriber.objects.exists() else DemoBase.objects.create(begun_at=now)
    say("Making the demo accounts and a partner.")
    clients.ensure(now=now)
    outbox.make_partitions(now=now)
    _staff()
    if not Partner.objects.exists():
        _partner(now)
    if not SendingEpoch.objects.exists():
        outbox.confirm_epoch(by="demo", reason="A local set-up was made.", now=now)
    if making is None:
        _survey(now)
        return False
    say("Importing the directory of subscribers.")
    with imports.alone():
        run = imports.begin(path=FILE, file_name=FILE.name, is_full=True, by="demo", now=now)
        imports.carry_out(run=run, by="demo", now=now)
    past.load(now=now, say=say)
    present.load(now=now, say=say)
    outbox.end_waiting(now=now)
    bonuses.expire(now=now)
    bonuses.issue_month(now=now)
    approval.end_over(now=now)
    _survey(now)
    making.finished_at = now
    making.save(update_fields=["finished_at"])
    return True


def _survey(now: datetime) -> None:
    """A survey to answer now, where there has been none."""
    if (partner := Partner.objects.order_by("pk").first()) is not None:
        demo_surveys.load_running(partner=partner, now=now)


def _staff() -> None:
    """The demo accounts; a role's group gives each its rights."""
    for name in DEMO_ACCOUNTS:
        user = User.objects.filter(username=name).first() or User.objects.create_user(
            name, password=DEMO_PASSWORD, is_staff=True, is_superuser=name == "admin"
        )
        user.groups.add(*Group.objects.filter(name=name))


def _partner(now: datetime) -> None:
    """A firm with an owner and an editor, and offers on every step to approval."""
    arbat = accounts.create(name="Arbat Coffee", slug="arbat", hosts=["arbat.example"], price=900, by="demo", now=now)
    for email, role, name in zip(DEMO_PARTNERS_PEOPLE, ("owner", "editor"), ("Dana", "Timur"), strict=True):
        _invitation, token = accounts.invite(partner=arbat, email=email, role=role, by="demo", now=now)
        accounts.accept(token=token, name=name, password=DEMO_PASSWORD, now=now)
    for number, (state, changes) in enumerate(_OFFERS):
        _offer(arbat, state, changes, now - timedelta(hours=5 * (len(_OFFERS) - number)))


_OFFERS: list[tuple[str, dict[str, Any]]] = [
    (
        "approved",
        {
            "category": "food",
            "title_ru": "Скидка 30% на всё меню",
            "title_kk": "Барлық ас мәзіріне 30% жеңілдік",
            "title_en": "30% off the whole menu",
            "text_ru": "Кофейня «Арбат»: -30% на всё меню. Покажите код {code}.",
            "text_kk": "«Арбат» кофеханасы: барлық ас мәзіріне -30%. Кодты көрсетіңіз: {code}.",
            "text_en": "Arbat Coffee: 30% off the whole menu. Show the code {code}.",
            "interests": ("coffee", "food"),
            "towns": ("almaty", "astana"),
            "discount": 30,
            "codes": "unique",
        },
    ),
    (
        "rejected",
        {
            "category": "food",
            "title_ru": "Кофе почти даром",
            "text_ru": "Кофейня «Арбат»: лучший кофе в мире почти даром!",
        },
    ),
    (
        "submitted",
        {
            "category": "food",
            "title_ru": "Второй кофе в подарок",
            "title_kk": "Екінші кофе сыйға",
            "text_ru": "Кофейня «Арбат»: второй кофе в подарок до 12:00. Код: {code}.",
            "text_kk": "«Арбат» кофеханасы: сағат 12:00-ге дейін екінші кофе сыйға. Код: {code}.",
            "interests": ("coffee",),
            "codes": "shared",
            "shared_code": "ARBAT2",
        },
    ),
    (
        "draft",
        {
            "category": "grocery",
            "title_en": "Beans at 15% off",
            "text_en": "Arbat Coffee: beans at 15% off, https://arbat.example/beans",
            "url": "https://arbat.example/beans",
            "discount": 15,
        },
    ),
]
_WHY = "«Лучший в мире» без подтверждения: закон о рекламе не позволяет. Назовите цену или скидку."


def _offer(partner: Partner, state: str, changes: dict[str, Any], now: datetime) -> Offer:
    today = astana.day_of(now)
    draft = Draft(valid_from=today, valid_to=today + timedelta(days=60), channels=("sms",), **changes)
    editor = f"partner:{partner.slug}-2"
    offer = approval.create(partner=partner, draft=draft, by=editor, now=now)
    if state != "draft":
        offer = approval.submit(offer=offer, by=editor, now=now + timedelta(minutes=10))
    if state == "approved":
        offer = approval.approve(offer=offer, by="staff:marketing", now=now + timedelta(hours=1))
    if state == "rejected":
        offer = approval.reject(offer=offer, reason=_WHY, by="staff:marketing", now=now + timedelta(hours=1))
    return offer
