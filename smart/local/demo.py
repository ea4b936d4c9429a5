"""The demo base: subscribers of a real-looking export, members with a history, staff accounts."""

from datetime import datetime, timedelta
from pathlib import Path

from django.contrib.auth.models import Group, User

from bonuses import operations as bonuses
from enrollment import operations as enrollment
from enrollment.models import Subscriber
from messaging import outbox
from messaging.models import SendingEpoch
from smart import directory, programme
from smart.local import clients
from smart.local.accounts import DEMO_ACCOUNTS, DEMO_PASSWORD

FILE = Path(__file__).parent / "data" / "subscribers.csv"
MEMBERS = 200
HOME = "40102"


def load(*, now: datetime) -> bool:
    """Load everything that is not there yet; return whether the base was."""
    clients.ensure(now=now)
    outbox.make_partitions(now=now)
    _staff()
    if not SendingEpoch.objects.exists():
        outbox.confirm_epoch(by="demo", reason="A local set-up was made.", now=now)
    if Subscriber.objects.exists():
        return False
    with directory.alone():
        run = directory.begin(path=FILE, file_name=FILE.name, is_full=True, may_vanish=False, by="demo", now=now)
        directory.carry_out(run=run, by="demo", now=now)
    _history(now)
    outbox.end_waiting(now=now)
    bonuses.expire(now=now)
    bonuses.issue_month(now=now)
    return True


def _staff() -> None:
    """The demo accounts; a role's group gives each its rights."""
    for name in DEMO_ACCOUNTS:
        user = User.objects.filter(username=name).first() or User.objects.create_user(
            name, password=DEMO_PASSWORD, is_staff=True, is_superuser=name == "admin"
        )
        user.groups.add(*Group.objects.filter(name=name))


def _history(now: datetime) -> None:
    """Let some people have joined over the last days, some of them activated, a few left again."""
    text = enrollment.current_consent_text()
    people = Subscriber.objects.filter(brand="activ", line_status="active").order_by("pk")[100 : 100 + MEMBERS]
    for number, subscriber in enumerate(people):
        joined = now - timedelta(hours=2 + number)
        programme.enroll(
            subscriber=subscriber,
            shown=enrollment.Shown(text, subscriber.language),
            session=f"demo-{number}",
            key="1",
            by="ussd:demo",
            now=joined,
        )
        if number % 3 == 0:
            bonuses.activate(subscriber=subscriber, visited_plmn=HOME, now=joined + timedelta(hours=1))
        if number % 10 == 0:
            programme.opt_out(subscriber=subscriber, by="ussd:demo", now=now - timedelta(minutes=number))
