"""Random lives of an outbox on a simulated clock; the invariants and the network's own log agree after each step.

Each life is lived by a machine of some zone, through database sessions of other zones.
"""

import os
import random
import time as machine_time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

import pytest
from django.db import DEFAULT_DB_ALIAS, connections

from bonuses import lifecycle as bonuses
from core.lib import astana, clock
from enrollment.models import Channel, Purpose, Subscriber
from messaging import kinds, outbox, receipts
from messaging.channels.base import Health, Outcome, Outgoing, Verdict
from messaging.channels.ivr import causes
from messaging.models import Attempt, Message, MessageClass, SendingPolicy, ServiceText, Stream
from messaging.receipts import Report
from messaging.sending.sender import Sender
from smart import programme
from tests import database
from tests.bonuses.conftest import enroll
from tests.messaging.audience import change_consent, check_log, violated
from tests.messaging.conftest import astana as at_astana

TEXTS = {"kk": "Шай -20%", "ru": "Чай -20%", "en": "Tea -20%"}
CAPS = [(3, 1), (2, 2)]  # offers a month and a day
SURVEYS_A_MONTH = 1
LEASE = timedelta(minutes=6)
PEOPLE = 6
NEVER_TAKEN = (Verdict.RETRY, Verdict.REJECTED, Verdict.NOT_HANDED)

LIVES, STEPS = 12, 70
# Their midnights at 5, 0, 15, 13, 16 and 16 o'clock in Astana.
ZONES = ["UTC", "Asia/Almaty", "Pacific/Kiritimati", "America/Los_Angeles", "Pacific/Pago_Pago", "Pacific/Auckland"]
HOURS = [time(9, 59, 58), time(20, 49, 40), time(20, 54, 40), time(20, 59, 28), time(23)]
HOURS += [time(10), time(10), time(12), time(12), time(15), time(18)]
# Counted back from 21:00: when the last is handed over at the latest, lest it be delivered after that.
LAST = {"sms": timedelta(minutes=10), "ussd": timedelta(seconds=30), "ivr": timedelta(seconds=90)}
VERDICTS = [Verdict.ACCEPTED] * 4 + [Verdict.RETRY, Verdict.UNCERTAIN, *Verdict]
UNANSWERED = [causes.BUSY, causes.BUSY, causes.NO_ANSWER, causes.meaning(20, ""), causes.meaning(34, "")]
# What else may happen while a sender is at work: between its claim and the gate, and during the hand-over.
MISHAPS = ["leaves", "comes back", "withdraws", "hangs", "another sender", "paused"]
BEFORE_THE_GATE = ["", "", "", "halts", "halts", "hangs", *MISHAPS]
MEANWHILE = ["", "", "", "", "", "early receipt", *MISHAPS]
DIES = ["", "", "", "", "", "", "before the network", "midway", "before the mark"]
HALTS = [timedelta(seconds=25), timedelta(minutes=3, seconds=55), timedelta(minutes=5), timedelta(hours=3)]
HALTS_UNTIL = [time(9, 59, 50), time(20, 50, 1), time(20, 58, 31), time(20, 59, 31), time(21), time(23)]
EVENING = [time(20, 58, 31), *HALTS_UNTIL[2:]]


class Killed(BaseException):
    """The sender's process is gone."""


@dataclass(frozen=True)
class Taken:
    """A line of the network's log."""

    message: Outgoing
    at: datetime
    is_surely: bool


@dataclass(frozen=True)
class Plan:
    """How a sender's round goes: what the network answers, what else happens, where the sender dies."""

    verdicts: Sequence[Verdict] = (Verdict.ACCEPTED,)
    before_the_gate: str = ""
    meanwhile: str = ""
    dies: str = ""
    lines_are_busy: bool = False


class Network:
    """Answers as the plan says, dies where it says, and judges by itself what it is handed."""

    kind, weight, rate, batch = "null", 1, 0.0, 6
    channels: tuple[str, ...] = ("sms", "ussd", "ivr")

    def __init__(self, name: str, life: "Outbox") -> None:
        self.name, self.life, self.plan = name, life, Plan()

    def hand_over(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        for message in batch:
            self.life.judge(message)
        if self.plan.dies == "before the network":
            raise Killed
        outcomes = []
        for number, message in enumerate(batch):
            if self.plan.dies == "midway" and number >= len(batch) // 2:
                raise Killed
            outcomes.append(self.answer(message, number))
        if batch[0].channel == "ivr":
            self.life.a_call_lasts(batch)
        what, self.plan = self.plan.meanwhile, replace(self.plan, meanwhile="")
        self.life.happen(what, batch[0].subscriber_id)
        if what == "early receipt":
            self.life.report_early(batch[0])
        if self.plan.dies == "before the mark":
            raise Killed
        return outcomes

    def answer(self, message: Outgoing, number: int) -> Outcome:
        verdict, error, pause = self.plan.verdicts[number % len(self.plan.verdicts)], "", 30.0 * number
        if message.channel == "ivr" and (verdict in NEVER_TAKEN or self.plan.lines_are_busy):
            verdict, error, pause = self.life.dice.choice(UNANSWERED)
        if verdict not in NEVER_TAKEN:
            self.life.log.append(Taken(message, clock.now(), verdict == Verdict.ACCEPTED))
        names = (f"{self.name}-{message.reference}",) if verdict == Verdict.ACCEPTED else ()
        outcome = Outcome(message, verdict, names, error, retry_after=pause, is_final=message.channel == "ivr")
        self.life.notice(outcome)
        return outcome

    def health(self) -> Health:
        return Health(is_up=True)

    def close(self) -> None:
        """Nothing to close."""


class Halting(Sender):
    """A sender whose machine may stand still between claim and gate, while the world goes on."""

    def _claim(self, channel: str, tokens: int, policy: SendingPolicy) -> tuple[list[tuple[date, int, int]], int]:
        claimed, fence = super()._claim(channel, tokens, policy)
        network = self.transport
        if claimed and network.plan.before_the_gate:
            what, network.plan = network.plan.before_the_gate, replace(network.plan, before_the_gate="")
            network.life.happen(what, claimed[0][2])
        return claimed, fence


class Outbox:
    """Join, leave, put, send, crash, report, sweep, pause, and let time pass, as the dice say."""

    def __init__(
        self, *, people: list[Subscriber], begin: datetime, at: Callable[[datetime], None], dice: random.Random
    ) -> None:
        self.people, self.begin, self.at, self.dice = people, begin, at, dice
        self.at(self.begin)
        outbox.make_partitions(now=self.begin)
        bonuses.make_partitions(now=self.begin)
        outbox.confirm_epoch(by="test", reason="a test database", now=self.begin)
        self.offers_a_month, self.offers_a_day = self.dice.choice(CAPS)
        SendingPolicy.objects.update(
            offers_a_month=self.offers_a_month,
            offers_a_day=self.offers_a_day,
            surveys_a_month=SURVEYS_A_MONTH,
            is_paused=False,
        )
        ServiceText.objects.filter(kind="bonus_lapses").update(channel=Channel.IVR)
        ServiceText.objects.filter(kind="reward").update(channel=self.dice.choice(Channel.values))
        for person in self.people:
            person.save(force_insert=True)
        self.members: dict[int, datetime] = {}
        self.withdrawn: set[tuple[int, Purpose, Channel]] = set()
        self.log: list[Taken] = []
        self.ended: dict[int, str] = {}
        self.rings_again: dict[int, datetime] = {}  # an unanswered call's message: not before
        self.told_at_last = 0  # calls answered after one that was not
        self.put = 0
        self.swept_at = self.begin
        self.networks = [Network(name, self) for name in ("north", "south")]

        for n in range(PEOPLE - 1):
            self.join(n)

    def live(self) -> None:
        """Take the steps; everything must hold after each."""
        for _ in range(STEPS):
            (step,) = self.dice.choices(list(WEIGHTS), WEIGHTS.values())
            step(self)
            self.check()
        self.settle()

    def check(self) -> None:
        self.every_invariant_holds()
        self.the_networks_log_agrees()
        self.what_has_ended_stays_as_it_ended()

    # What happens to people.

    def join(self, n: int | None = None) -> None:
        n = self.dice.randrange(PEOPLE) if n is None else n
        if n not in self.members:
            self.members[n] = clock.now()
            enroll(self.people[n], clock.now())

    def leave(self, n: int | None = None) -> None:
        n = self.dice.randrange(PEOPLE) if n is None else n
        if self.members.pop(n, None):
            self.withdrawn = {consent for consent in self.withdrawn if consent[0] != n}
            programme.opt_out(subscriber=self.people[n], by="test", now=clock.now())

    def come_back(self, n: int | None = None) -> None:
        """Leave and join again: what was put before is not for the new membership."""
        n = self.dice.randrange(PEOPLE) if n is None else n
        self.leave(n)
        self.join(n)

    def change_consent(self, n: int | None = None) -> None:
        """Withdraw one purpose on one channel; give it again when it was withdrawn."""
        n = self.dice.randrange(PEOPLE) if n is None else n
        if n in self.members:
            consent = n, self.dice.choice(list(Purpose)), self.dice.choice(list(Channel))
            self.withdrawn ^= {consent}
            change_consent(self.people[n], *consent[1:], is_given=consent not in self.withdrawn, now=clock.now())

    # What is put into the outbox.

    def offer(self, message_class: MessageClass | None = None) -> None:
        message_class = message_class or self.dice.choice([MessageClass.OFFER, MessageClass.OFFER, MessageClass.SURVEY])
        channel = self.dice.choice([Channel.SMS, Channel.SMS, Channel.USSD, Channel.IVR, Channel.IVR])
        starts, lives = self.dice.choice([0, 0, 0, 0, 3]), self.dice.choice([1, 30, 72, 72])
        is_carried = self.dice.random() < 0.8
        self.put += 1
        now = clock.now()
        stream, _ = Stream.objects.get_or_create(
            code=f"{message_class}-{is_carried}", message_class=message_class, is_carried=is_carried
        )
        outbox.put(
            stream=stream,
            subscribers=[self.people[n].pk for n in self.members],
            channel=channel,
            texts_by_language=TEXTS,
            origin=f"campaign:{self.put}",
            not_before=now + timedelta(hours=starts),
            not_after=now + timedelta(hours=starts + lives),
            now=now,
        )

    def tell(self, kind: str = "") -> None:
        n = self.dice.randrange(PEOPLE)
        kind = kind or self.dice.choice(["bonus_issued", "bonus_lapses", "activated", "reward"])
        self.put += 1
        values = {"units": 500, "days": 30, "lapse": "30.11 23:00"}
        outbox.announce(
            kind=kind,
            subscribers=[self.people[n].pk] if n in self.members else [],
            values=values,
            origin=f"{kind}:{self.put}",
            now=clock.now(),
        )

    # What senders do, and what becomes of them.

    def send(self) -> None:
        plan = Plan(
            self.dice.choices(VERDICTS, k=4),
            self.dice.choice(BEFORE_THE_GATE),
            self.dice.choice(MEANWHILE),
            self.dice.choice(DIES),
            lines_are_busy=self.dice.random() < 0.5,
        )
        self.step(self.dice.randrange(2), plan)

    def step(self, n: int, plan: Plan) -> None:
        network = self.networks[n]
        interrupted, network.plan = network.plan, plan
        network.channels = tuple(self.dice.sample(network.channels, k=3))
        with suppress(Killed):
            Halting(network).step()
        network.plan = interrupted

    def send_well(self) -> None:
        self.step(0, Plan())

    def send_twice_a_day(self) -> None:
        """An offer before and one after the midnight of zones far away."""
        for hour in (time(11), time(18)):
            self.the_day_goes_on(hour)
            self.offer(MessageClass.OFFER)
            self.send_well()

    def halt_till_the_day_ends(self) -> None:
        """What is claimed at the last moment reaches the gate when it is too late, for some channels or for all."""
        self.the_day_goes_on(time(20, 54, 40))
        self.offer()
        self.step(self.dice.randrange(2), Plan(before_the_gate="day ends"))

    def overtake(self) -> None:
        """Another sender takes what one held for too long before it came to the gate."""
        self.offer()
        self.step(0, Plan(before_the_gate="hangs"))

    def ring_a_busy_line(self) -> None:
        self.tell("bonus_lapses")
        self.step(0, Plan(lines_are_busy=True))

    def ring_again(self) -> None:
        """Wait until a line that was busy may be rung again, and send."""
        if later := [instant for instant in self.rings_again.values() if instant > clock.now()]:
            self.jump(min(later) - clock.now())
            self.send_well()

    def die_between_claim_and_gate(self) -> None:
        Sender(self.dice.choice(self.networks))._claim(self.dice.choice(["sms", "ussd", "ivr"]), 3, outbox.policy())

    def happen(self, what: str, subscriber_id: int) -> None:
        """Something else, while a sender is busy with a message to this subscriber."""
        (n,) = (n for n, person in enumerate(self.people) if person.pk == subscriber_id)
        if what == "halts":
            until = self.dice.choice([*HALTS, *HALTS_UNTIL])
            self.jump(until) if isinstance(until, timedelta) else self.the_day_goes_on(until)
        elif what == "day ends":
            self.the_day_goes_on(self.dice.choice(EVENING))
        elif what == "leaves":
            self.leave(n)
        elif what == "comes back":
            self.come_back(n)
        elif what == "withdraws":
            self.change_consent(n)
        elif what == "hangs":
            self.jump(LEASE)
            outbox.sweep(now=clock.now())
            self.step(1, Plan(dies=self.dice.choice(["", "before the mark", "before the mark"])))
        elif what == "another sender":
            self.step(1, Plan())
        elif what == "paused":
            outbox.pause(by="test", now=clock.now())

    def a_call_lasts(self, batch: Sequence[Outgoing]) -> None:
        """It rings, then somebody listens, until the message's validity cuts the call."""
        left = min(message.valid_until for message in batch) - clock.now()
        self.at(clock.now() + min(left, timedelta(seconds=self.dice.randint(5, 85))))

    def notice(self, outcome: Outcome) -> None:
        message = outcome.message
        if message.channel == "ivr" and outcome.verdict == Verdict.RETRY:
            self.rings_again[message.message_id] = clock.now() + timedelta(seconds=outcome.retry_after)
        elif message.message_id in self.rings_again:
            del self.rings_again[message.message_id]
            self.told_at_last += outcome.verdict == Verdict.ACCEPTED

    def report_early(self, message: Outgoing) -> None:
        named = Report("north", "delivered", message_id=message.message_id, message_month=message.month)
        unnamed = Report("north", "delivered", network_id=f"north-{message.reference}")
        receipts.store([named, unnamed, unnamed], now=clock.now())
        receipts.match(now=clock.now())

    def reconnect(self) -> None:
        """Another session of the database, by the clock of some other zone."""
        connect_from(self.dice.choice(ZONES))

    # What the network, beat and people at the desk do.

    def report(self) -> None:
        """Receipts early or late, once or twice, of messages known or unknown."""
        status, times = self.dice.choice(["delivered", "delivered", "undelivered", "underway"]), self.dice.randint(1, 2)
        name = "nobodys"
        if self.log and self.dice.random() < 0.8:
            name = f"north-{self.dice.choice(self.log[-10:]).message.reference}"
        receipts.store([Report("north", status, network_id=name)] * times, now=clock.now())
        receipts.match(now=clock.now())

    def sweep(self) -> None:
        outbox.sweep(now=clock.now())

    def end_waiting(self) -> None:
        outbox.end_waiting(now=clock.now())

    def switch(self) -> None:
        (outbox.pause if self.dice.random() < 0.15 else outbox.resume)(by="test", now=clock.now())

    def a_while_passes(self) -> None:
        self.jump(timedelta(minutes=self.dice.choice([1, 2, 9, 45, 180])))

    def the_day_goes_on(self, hour: time | None = None) -> None:
        """To some time of the day, today or tomorrow."""
        hour = hour or self.dice.choice(HOURS)
        today = datetime.combine(astana.day_of(clock.now()), hour, astana.ZONE)
        self.jump((today if today > clock.now() else today + timedelta(days=1)) - clock.now())

    def days_pass(self) -> None:
        self.jump(timedelta(days=self.dice.choice([1, 1, 4])))

    def jump(self, how_far: timedelta) -> None:
        """Let time pass; beat has rung meanwhile for what its tables say."""
        self.at(clock.now() + how_far)
        now = clock.now()
        outbox.make_partitions(now=now)
        bonuses.make_partitions(now=now)
        bonuses.expire(now=now)
        if now - self.swept_at > timedelta(minutes=50):
            self.swept_at = now
            outbox.sweep(now=now)
            outbox.end_waiting(now=now)

    # What must hold.

    def judge(self, message: Outgoing) -> None:
        """At the instant of a hand-over: window, validity, membership, consent (M1-M3, M8)."""
        now, today = clock.now(), astana.day_of(clock.now())
        opens, closes = (datetime.combine(today, time(hour), astana.ZONE) for hour in (10, 21))
        known = Message.objects.get(month=message.month, pk=message.message_id)
        assert now < message.valid_until
        assert known.fence == message.fence, "nothing that another sender has claimed since"
        if not opens <= message.gated_at < closes - LAST[message.channel] or message.valid_until > closes:
            assert message.kind in kinds.answers()
            assert message.gated_at < known.created_at + kinds.ANSWER_FOR
            assert message.valid_until <= message.gated_at + kinds.ANSWER_FOR
        (n,) = (n for n, person in enumerate(self.people) if person.pk == message.subscriber_id)
        if message.kind == kinds.FAREWELL:
            assert n not in self.members or self.members[n] <= known.created_at
        else:
            assert n in self.members, "who has left is sent nothing"
            assert self.members[n] <= known.created_at, "nothing from before he left and came back"
        if message.message_class != MessageClass.SERVICE:
            assert (n, known.purpose, message.channel) not in self.withdrawn, "only what he agreed to"
        if known.why == "retry" and message.message_id in self.rings_again:  # else it was not marked as such
            rings = min(self.rings_again[message.message_id], known.not_after - timedelta(seconds=1))
            assert rings <= now, "who was busy is left alone for a while"

    def every_invariant_holds(self) -> None:
        found = violated(clock.now())
        assert not found, found

    def the_networks_log_agrees(self) -> None:
        """M9: not too often, never without an attempt; M4, M5: not too many."""
        check_log([taken.message.message_id for taken in self.log])
        attempts = set(Attempt.objects.values_list("message_id", "fence"))
        assert {(taken.message.message_id, taken.message.fence) for taken in self.log} <= attempts
        sent = [t.message for t in self.log]
        once = [m.message_id for m in sent if m.message_class != MessageClass.SERVICE]
        assert not Message.objects.filter(pk__in=once, state="waiting").exists(), "what may have left goes no more"
        a_day = Counter((m.subscriber_id, astana.day_of(m.gated_at)) for m in sent if m.message_class == "offer")
        a_month = Counter(
            (m.message_class, m.subscriber_id, astana.month_of(m.gated_at))
            for m in sent
            if m.message_class != "service"
        )
        assert all(n <= self.offers_a_day for n in a_day.values())
        assert all(n <= (self.offers_a_month if key[0] == "offer" else SURVEYS_A_MONTH) for key, n in a_month.items())

    def what_has_ended_stays_as_it_ended(self) -> None:
        ended = dict(Message.objects.filter(state__in=Message.FINAL).values_list("pk", "state"))
        assert self.ended.items() <= ended.items()
        self.ended = ended

    def settle(self) -> None:
        """Everything works again: what has not ended waits for something that we can name."""
        outbox.resume(by="test", now=clock.now())
        self.the_day_goes_on(time(12))
        outbox.sweep(now=clock.now())
        for network in self.networks:
            Sender(network).run(until_idle=True, seconds=30)
        outbox.end_waiting(now=clock.now())
        now = clock.now()
        for message in Message.objects.exclude(state__in=Message.FINAL):
            if message.state == "waiting":
                assert message.not_before > now, (message.pk, message.why, message.not_before)
            else:
                assert message.state in ("submitted", "unknown")
                assert message.valid_until > now - outbox.RECEIPT_GRACE
        self.every_invariant_holds()
        self.the_networks_log_agrees()
        self.jump(timedelta(days=5))
        assert not Message.objects.exclude(state__in=Message.FINAL).exists()


# How often each happens, as against the others.
WEIGHTS = {
    Outbox.join: 4,
    Outbox.leave: 3,
    Outbox.come_back: 3,
    Outbox.change_consent: 3,
    Outbox.offer: 9,
    Outbox.tell: 5,
    Outbox.send: 24,
    Outbox.send_well: 4,
    Outbox.send_twice_a_day: 3,
    Outbox.halt_till_the_day_ends: 3,
    Outbox.overtake: 3,
    Outbox.ring_a_busy_line: 3,
    Outbox.ring_again: 5,
    Outbox.die_between_claim_and_gate: 5,
    Outbox.report: 5,
    Outbox.sweep: 4,
    Outbox.end_waiting: 2,
    Outbox.switch: 3,
    Outbox.a_while_passes: 6,
    Outbox.the_day_goes_on: 4,
    Outbox.days_pass: 1,
    Outbox.reconnect: 3,
}


def connect_from(zone: str | None) -> None:
    """Connect to the database anew, the session in this zone; None: as the settings say."""
    session = connections[DEFAULT_DB_ALIAS]
    session.close()
    session.settings_dict["TIME_ZONE"] = zone
    for kept in ("timezone", "timezone_name"):
        session.__dict__.pop(kept, None)
    with session.cursor() as cursor:
        cursor.execute("SHOW timezone")
        assert cursor.fetchone() == (zone or "UTC",)


@contextmanager
def machine_in(zone: str) -> Iterator[None]:
    """Let this machine, and its session with the database, be in a zone."""
    usual = os.environ["TZ"]  # Django has set it
    try:
        os.environ["TZ"] = zone
        machine_time.tzset()
        connect_from(zone)
        yield
    finally:
        os.environ["TZ"] = usual
        machine_time.tzset()
        connect_from(None)


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_any_life_of_the_outbox_keeps_the_rules(
    make_subscriber: Callable[..., Subscriber], at: Callable[[datetime], None]
) -> None:
    people = [make_subscriber() for _ in range(PEOPLE)]
    handed = told_at_last = 0
    for _ in range(LIVES):
        seed = random.randrange(2**32)
        dice = random.Random(seed)
        zone = dice.choice(ZONES)
        print(f"seed {seed}, in {zone}")  # the last one printed is the life that broke a rule
        database.forget()
        begin = at_astana(27, 12)  # three days before the month ends
        with machine_in(zone):
            life = Outbox(people=people, begin=begin, at=at, dice=dice)
            life.live()
        handed += len(life.log)
        told_at_last += life.told_at_last
    assert handed > LIVES * 5, "too little happened to prove anything"
    assert told_at_last > 0, "nobody was rung again"
