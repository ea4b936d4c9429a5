"""Random lives of an outbox on a simulated clock; the invariants and the network's own log agree after each step."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import pytest

from bonuses import operations as bonuses
from enrollment.models import Channel, Subscriber
from messaging import kinds, outbox, receipts
from messaging.channels.base import Health, Outcome, Outgoing, Verdict
from messaging.models import Attempt, Message, MessageClass, SendingPolicy, Stream
from messaging.receipts import Report
from messaging.sender import Sender
from smart import programme
from smart.lib import astana, clock
from tests.bonuses.conftest import enroll
from tests.conftest import _forget
from tests.messaging.audience import check_log, violated
from tests.messaging.conftest import astana as at_astana

TEXTS = {"kk": "Шай -20%", "ru": "Чай -20%", "en": "Tea -20%"}
OFFERS_A_MONTH, OFFERS_A_DAY, SURVEYS_A_MONTH = 3, 1, 1
LEASE = timedelta(minutes=6)
PEOPLE = 4
NEVER_TAKEN = (Verdict.RETRY, Verdict.REJECTED, Verdict.NOT_HANDED)

LIVES, STEPS = 12, 60
HOURS = [time(9, 59, 58), time(10), time(12), time(20, 49, 40), time(20, 58), time(20, 59, 28), time(23)]
VERDICTS = [Verdict.ACCEPTED] * 4 + [*Verdict]
# While a hand-over is under way: nothing, or what else may happen at that very time.
MEANWHILE = ["", "", "", "leaves", "hangs", "another sender", "paused", "early receipt"]
DIES = ["", "", "", "", "before the network", "midway", "before the mark"]


class Killed(BaseException):
    """The sender's process is gone."""


@dataclass(frozen=True)
class Taken:
    """A line of the network's log."""

    message: Outgoing
    at: datetime
    is_surely: bool


class Network:
    """Answers as the schedule says, dies where it says, and judges by itself what it is handed."""

    kind, weight, rate, batch = "null", 1, 0.0, 6
    channels: tuple[str, ...] = ("sms", "ussd")

    def __init__(self, name: str, life: "Outbox") -> None:
        self.name, self.life = name, life
        self.verdicts: list[Verdict] = [Verdict.ACCEPTED]
        self.dies, self.meanwhile = "", ""

    def hand_over(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        for message in batch:
            self.life.judge(message)
        if self.dies == "before the network":
            raise Killed
        outcomes = []
        for number, message in enumerate(batch):
            if self.dies == "midway" and number >= len(batch) // 2:
                raise Killed
            verdict = self.verdicts[number % len(self.verdicts)]
            if verdict not in NEVER_TAKEN:
                self.life.log.append(Taken(message, clock.now(), verdict == Verdict.ACCEPTED))
            names = (f"{self.name}-{message.reference}",) if verdict == Verdict.ACCEPTED else ()
            outcomes.append(Outcome(message, verdict, names, retry_after=30 * number))
        what, self.meanwhile = self.meanwhile, ""
        self.life.happen(what, batch[0])
        if self.dies == "before the mark":
            raise Killed
        return outcomes

    def health(self) -> Health:
        return Health(is_up=True)

    def close(self) -> None:
        """Nothing to close."""


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
        SendingPolicy.objects.update(
            offers_a_month=OFFERS_A_MONTH, offers_a_day=OFFERS_A_DAY, surveys_a_month=SURVEYS_A_MONTH, is_paused=False
        )
        for person in self.people:
            person.save(force_insert=True)
        self.members: dict[int, datetime] = {}
        self.log: list[Taken] = []
        self.ended: dict[int, str] = {}
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
            programme.opt_out(subscriber=self.people[n], by="test", now=clock.now())

    def come_back(self) -> None:
        """Leave and join again: what was put before is not for the new membership."""
        n = self.dice.randrange(PEOPLE)
        self.leave(n)
        self.join(n)

    # What is put into the outbox.

    def offer(self) -> None:
        message_class = self.dice.choice([MessageClass.OFFER, MessageClass.OFFER, MessageClass.SURVEY])
        channel = self.dice.choice([Channel.SMS, Channel.SMS, Channel.USSD])
        starts, lives = self.dice.choice([0, 0, 0, 3]), self.dice.choice([1, 8, 72, 72])
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

    def tell(self) -> None:
        n = self.dice.randrange(PEOPLE)
        kind = self.dice.choice(["bonus_issued", "bonus_lapses", "activated", "reward"])
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
        answers = self.dice.choices(VERDICTS, k=4)
        self.step(self.dice.randrange(2), answers, self.dice.choice(MEANWHILE), self.dice.choice(DIES))

    def step(self, n: int, answers: list[Verdict], meanwhile: str = "", dies: str = "") -> None:
        network = self.networks[n]
        network.verdicts, network.meanwhile, network.dies = answers, meanwhile, dies
        with suppress(Killed):
            Sender(network).step()
        network.meanwhile = ""

    def send_well(self) -> None:
        self.step(0, [Verdict.ACCEPTED])

    def die_between_claim_and_gate(self) -> None:
        Sender(self.dice.choice(self.networks))._claim(self.dice.choice(["sms", "ussd"]), 3, outbox.policy())

    def happen(self, what: str, message: Outgoing) -> None:
        """Something else, while a sender is busy handing over."""
        if what == "leaves":
            self.leave(next(n for n, person in enumerate(self.people) if person.pk == message.subscriber_id))
        elif what == "hangs":
            self.jump(LEASE)
            outbox.sweep(now=clock.now())
            self.step(1, [Verdict.ACCEPTED], dies=self.dice.choice(["", "before the mark"]))
        elif what == "another sender":
            self.step(1, [Verdict.ACCEPTED])
        elif what == "paused":
            outbox.pause(by="test", now=clock.now())
        elif what == "early receipt":
            named = Report("north", "delivered", message_id=message.message_id, message_month=message.month)
            unnamed = Report("north", "delivered", network_id=f"north-{message.reference}")
            receipts.store([named, unnamed, unnamed], now=clock.now())
            receipts.match(now=clock.now())

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
        (outbox.pause if self.dice.random() < 0.3 else outbox.resume)(by="test", now=clock.now())

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
        """At the instant of a hand-over: window, validity, membership (M1-M3, M8)."""
        now, today = clock.now(), astana.day_of(clock.now())
        opens, closes = (datetime.combine(today, time(hour), astana.ZONE) for hour in (10, 21))
        assert now < message.valid_until
        if not opens <= now < closes or message.valid_until > closes:
            assert message.kind in kinds.ANSWERS
            assert message.valid_until <= message.gated_at + kinds.ANSWER_FOR
        created = Message.objects.get(month=message.month, pk=message.message_id).created_at
        (n,) = (n for n, person in enumerate(self.people) if person.pk == message.subscriber_id)
        if message.kind == kinds.FAREWELL:
            assert n not in self.members or self.members[n] <= created
        else:
            assert n in self.members, "who has left is sent nothing"
            assert self.members[n] <= created, "nothing from before he left and came back"

    def every_invariant_holds(self) -> None:
        found = violated(clock.now())
        assert not found, found

    def the_networks_log_agrees(self) -> None:
        """M9: not too often, never without an attempt; M4, M5: not too many."""
        check_log([taken.message.message_id for taken in self.log])
        attempts = set(Attempt.objects.values_list("message_id", "fence"))
        assert {(taken.message.message_id, taken.message.fence) for taken in self.log} <= attempts
        sent = [t.message for t in self.log]
        a_day = Counter((m.subscriber_id, astana.day_of(m.gated_at)) for m in sent if m.message_class == "offer")
        a_month = Counter(
            (m.message_class, m.subscriber_id, astana.month_of(m.gated_at))
            for m in sent
            if m.message_class != "service"
        )
        assert all(n <= OFFERS_A_DAY for n in a_day.values())
        assert all(n <= (OFFERS_A_MONTH if key[0] == "offer" else SURVEYS_A_MONTH) for key, n in a_month.items())

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
            network.verdicts, network.dies, network.meanwhile = [Verdict.ACCEPTED], "", ""
            Sender(network).run(until_idle=True)
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
    Outbox.offer: 9,
    Outbox.tell: 5,
    Outbox.send: 20,
    Outbox.send_well: 4,
    Outbox.die_between_claim_and_gate: 5,
    Outbox.report: 5,
    Outbox.sweep: 4,
    Outbox.end_waiting: 2,
    Outbox.switch: 3,
    Outbox.a_while_passes: 6,
    Outbox.the_day_goes_on: 4,
    Outbox.days_pass: 1,
}


@pytest.mark.django_db(transaction=True)
def test_any_life_of_the_outbox_keeps_the_rules(
    make_subscriber: Callable[..., Subscriber], at: Callable[[datetime], None]
) -> None:
    people = [make_subscriber() for _ in range(PEOPLE)]
    handed = 0
    for _ in range(LIVES):
        seed = random.randrange(2**32)
        print(f"seed {seed}")  # the last one printed is the life that broke a rule
        _forget(None)  # type: ignore[arg-type]
        begin = at_astana(27, 12)  # three days before the month ends
        life = Outbox(people=people, begin=begin, at=at, dice=random.Random(seed))
        life.live()
        handed += len(life.log)
    assert handed > LIVES * 5, "too little happened to prove anything"
