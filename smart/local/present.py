"""What is going on, for the demo: people dial and spend, an audience is kept, a campaign runs."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import cycle

from bonuses import charging
from campaigns.campaign import lifecycle
from campaigns.models import Campaign, Offer, Partner, Variant
from campaigns.offers.drafts import Draft
from core.access import audit
from core.access.auth import Caller
from core.access.models import ApiClient
from core.lib import astana, crypto, partitions
from core.lib.msisdn import Msisdn
from enrollment.audience import definition
from enrollment.models import SavedAudience, Subscriber
from smart.local import past, simulated
from smart.ussd import engine, sessions
from smart.ussd.request import GatewayRequest, parse_code

MEMBERS = 80
FIRST = 100  # of them; whoever comes before is for people who try the handset
HOME, ABROAD = "40102", "25001"
TASTE = simulated.Taste(redeems_if_interested=0.15, fond=1.3)
_SEED = "present"
_BY = "staff:marketing"


def load(*, now: datetime, say: Callable[[str], object] = lambda _: None) -> None:
    """Make the last days: a campaign that began the day before yesterday, and what some people did by telephone."""
    partner = Partner.objects.order_by("pk").first()
    if partner is not None and not Campaign.objects.filter(state=Campaign.State.RUNNING).exists():
        say("Starting a campaign.")
        _campaign(partner, now)
    say("Letting people join, activate, spend and leave.")
    month = astana.month_of(now - timedelta(hours=3 * MEMBERS))
    while month <= astana.month_of(now):
        partitions.ensure_month("ussd_dial", month)
        month = astana.next_month(month)
    people = Subscriber.objects.filter(brand="activ", line_status="active").order_by("pk")[FIRST : FIRST + MEMBERS]
    Days(now).live(list(people))
    sessions.file_finished(now=now)


class Days:
    """The last days of some people: what each dialed, spent and pressed, through the gateway's and charging's calls."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        clients = dict(ApiClient.objects.values_list("name", "pk"))
        self._gateway = Caller(clients["simulator-native"], "simulator-native", "demo")
        self._charging = clients["simulator-charging"]
        self._uses = cycle(_USES)

    def live(self, people: list[Subscriber]) -> None:
        """Let them join one in two hours; the last one two hours ago. Some activate, some spend, a few leave again."""
        for number, subscriber in enumerate(people):
            joined, person = self._now - timedelta(hours=2 + 2 * number), _Person(subscriber)
            if number % 4:
                self._dial(person, joined, "*555*1#", "1")
            else:
                self._dial(person, joined, "*555#", "1", "1")
            if number % 3 == 0:
                self._dial(person, joined + timedelta(hours=1), "*555*00#")
                self._spend(person, joined + timedelta(hours=1), number)
            elif number % 3 == 1:
                code, *keys = _CURIOUS[number // 3 % len(_CURIOUS)]
                self._dial(person, joined + timedelta(minutes=40), code, *keys)
            if number % 10 == 0:
                self._dial(person, joined + 0.9 * (self._now - joined), "*555*2#")

    def _dial(self, person: "_Person", at: datetime, dialed: str, *keys: str) -> None:
        """Dial a code and press keys on what it shows, eight seconds apart."""
        for step, key in enumerate((None, *keys), 1):
            request = GatewayRequest(
                caller=self._gateway,
                session_id=f"demo-{person.id}-{at:%d%H%M}",
                msisdn=person.msisdn,
                token=str(step),
                code=parse_code(dialed) if key is None else None,
                key=key,
                sequence=step,
                visited_plmn=HOME,
            )
            engine.answer(request, now=at + timedelta(seconds=8 * (step - 1)))

    def _spend(self, person: "_Person", activated: datetime, number: int) -> None:
        """Have up to three uses charged, spread over what has passed of the units' week."""
        passed = min(self._now - timedelta(minutes=15), activated + timedelta(hours=160)) - activated
        for part in range(1, 1 + number % 4):
            service, destination, network, units = next(self._uses)
            at = activated + passed * (part / 4)
            request = charging.DebitRequest(
                request_id=f"demo-{person.id}-{part}",
                msisdn=person.msisdn,
                service=service,
                destination=destination,
                visited_plmn=network,
                units=units,
                event_at=at,
                allow_partial=service == "data",
                body=f"{service} {units}".encode(),
            )
            charging.debit(client_id=self._charging, request=request, now=at + timedelta(seconds=2))


class _Person:
    """Whose telephone it is."""

    def __init__(self, subscriber: Subscriber) -> None:
        self.id, self.msisdn = subscriber.pk, Msisdn(crypto.decrypt_msisdn(subscriber.msisdn))


# What joined people dial out of curiosity, and press.
_CURIOUS = [("*555#", "5"), ("*555*4#", "2"), ("*555*00#", "9"), ("*555#", "9", "00"), ("*777#",), ("*555*6#",)]
# What is charged: service, destination, visited network, units. The last three are refused.
_USES: list[tuple[str, str, str, int]] = [
    ("call", "on_net", HOME, 12), ("data", "internet", HOME, 150), ("sms", "on_net", HOME, 3),
    ("call", "on_net", HOME, 47), ("data", "internet", HOME, 420), ("call", "international", HOME, 8),
    ("sms", "on_net", HOME, 1), ("data", "internet", ABROAD, 60), ("call", "on_net", HOME, 900),
]  # fmt: skip


def _campaign(partner: Partner, now: datetime) -> Campaign:
    """Breakfasts, for an audience that is kept: two days' messages have left, today's leave while one looks on."""
    starts = simulated.noon(astana.day_of(now) - timedelta(days=2))
    made_at = starts - timedelta(days=1)
    audience = _audience(made_at)
    campaign = Campaign.objects.create(
        name="Завтраки «Арбата»",
        audience=audience.definition,
        saved_audience=audience,
        channels=["sms", "ussd"],
        starts_at=starts,
        ends_at=starts + timedelta(days=14),
        daily_budget=60,
        holdout=10,
        created_by=_BY,
        created_at=made_at,
    )
    Variant.objects.create(campaign=campaign, offer=_offer(partner, astana.day_of(starts), made_at))
    lifecycle.launch(campaign=campaign, by=_BY, now=made_at)
    for day in (starts, starts + timedelta(days=1)):
        lifecycle.feed(now=day)
        simulated.deliver(now=day, taste=TASTE, seed=_SEED)
    simulated.react(campaign=campaign, now=now, taste=TASTE, seed=_SEED)
    campaign.refresh_from_db()
    return campaign


def _audience(now: datetime) -> SavedAudience:
    wanted = {"towns": ["almaty", "astana"], "age_from": 18, "age_to": 54, "interests": ["coffee", "food"]}
    found = definition.parse(wanted).to_json()
    audience = SavedAudience.objects.create(
        name="Кофе и еда: Алматы, Астана", definition=found, created_by=_BY, created_at=now, changed_at=now
    )
    audit.record(
        by=_BY, action="create_audience", subject=f"audience:{audience.pk}", details={"definition": found}, now=now
    )
    return audience


def _offer(partner: Partner, first_day: date, now: datetime) -> Offer:
    draft = Draft(
        category="food",
        valid_from=first_day,
        valid_to=first_day + timedelta(days=60),
        channels=("sms", "ussd"),
        codes="unique",
        title_ru="Завтраки -25%",
        title_kk="Таңғы ас -25%",
        title_en="Breakfasts at 25% off",
        text_ru="«Арбат»: завтраки -25% до 12:00. Покажите код {code}.",
        text_kk="«Арбат»: таңғы ас -25% сағат 12:00-ге дейін. {code} кодын көрсетіңіз.",
        text_en="Arbat Coffee: breakfasts at 25% off until noon. Show the code {code}.",
        interests=("food", "coffee"),
        discount=25,
    )
    return past.approved(partner, draft, now)
