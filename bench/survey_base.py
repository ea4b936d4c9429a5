"""What bench.surveys measures on: members with numbers, a survey of seven questions, a campaign that is being sent."""

import multiprocessing
import time
from datetime import timedelta
from multiprocessing.synchronize import Event
from typing import Any

KEYS = ["1", "1", "1 3", "7", "2", "4", "Дорого"]  # the longest way through smart.local.demo_surveys.COFFEE
AUDIENCE = 100_000  # of the campaign beside


def make_members(count: int) -> list[str]:
    """Members with numbers, and consent; return the numbers."""
    from core.lib import clock, crypto
    from enrollment.models import Subscriber
    from smart.local import simulated

    now = clock.now()
    numbers = [f"7701000{number:04}" for number in range(1, count + 1)]
    Subscriber.objects.bulk_create(
        [
            Subscriber(
                msisdn_index=crypto.blind_index(number),
                msisdn=crypto.encrypt_msisdn(number),
                brand="activ",
                line_status="active",
                language="ru",
                gender="fm"[place % 2],
                created_at=now,
                changed_at=now,
            )
            for place, number in enumerate(numbers)
        ],
        batch_size=1000,
    )
    simulated.join_many(count=count, first=0, joined_at=now - timedelta(days=60))
    return numbers


def make_survey() -> Any:
    """The demo's running survey, of two groups that do not fill up; nobody is invited."""
    from core.lib import clock
    from smart.local import demo_surveys
    from surveys.fieldwork import lifecycle
    from surveys.models import Quota, Survey
    from surveys.questionnaire import drafting

    now = clock.now()
    survey = Survey.objects.create(
        name="bench", title_ru="Кофе рядом", languages=["ru"], channels=["sms"], starts_at=now - timedelta(hours=1),
        ends_at=now + timedelta(days=30), reward_units=100, created_by="bench", created_at=now,
    )  # fmt: skip
    for gender in ("f", "m"):
        Quota.objects.create(survey=survey, gender=gender, wanted=100_000)
    version = drafting.new_draft(survey=survey, by="bench", now=now)
    demo_surveys.write_questions(version, demo_surveys.COFFEE["questions"])
    drafting.publish(version=version, by="bench", now=now)
    survey = lifecycle.launch(survey=survey, by="bench", now=now)
    Survey.objects.filter(pk=survey.pk).update(state="running", watermark=survey.watermark_end)
    return survey


def open_sessions(client_id: int, survey: Any, count: int) -> None:
    """Responses that have begun, each with its session waiting at the first question: for the bare server."""
    from django.db import connection

    version = survey.versions.get()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH begun AS (
                INSERT INTO surveys_response (survey_id, version_id, subscriber_id, language, channel, gender, state,
                    asked, path, turn, started_at, asked_at, is_fast, units)
                SELECT %(survey)s, %(version)s, id, 'ru', 'ussd', '', 'started', 'q1', '{}', 0, now(), now(), false, 0
                FROM enrollment_subscriber ORDER BY id LIMIT %(count)s
                RETURNING id, subscriber_id
            )
            INSERT INTO ussd_ussdsession (client_id, session_id, msisdn_index, subscriber_id, language, opened_at,
                touched_at, dialed, visited_plmn, screen, page, context, sequence, taken, turn, steps)
            SELECT %(client)s, 'b' || %(survey)s || '-' || row_number() OVER () - 1, 'x', subscriber_id, 'ru', now(),
                   now(), '*555*6*1#', '40102', 'survey', 0, jsonb_build_object('response', id, 'turn', 0), 1, '', 1,
                   '[["1", "*555*6*1#", "continue", "1", "-"]]'
            FROM begun
            """,
            {"survey": survey.pk, "version": version.pk, "client": client_id, "count": count},
        )


def make_audience() -> None:
    """Whom the campaign beside is sent to."""
    from django.db import connection

    from core.lib import clock
    from messaging import outbox
    from smart.local import population

    population.make_members(AUDIENCE)
    outbox.confirm_epoch(by="bench", reason="a scratch database", now=clock.now())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE enrollment_membership SET consents = 63 WHERE consents = 0")


class Campaign:
    """A sender in a process of its own, with a hundred thousand offers waiting for it."""

    _turn = 0

    def __enter__(self) -> "Campaign":
        from bench import messages
        from core.lib import clock

        Campaign._turn += 1
        self.handed, self.took = 0, 1.0
        messages._forget_contacts()
        messages._at_noon()
        self.stream = messages._fill(AUDIENCE, Campaign._turn, "offer")
        clock.install(clock.machine)
        context = multiprocessing.get_context("spawn")
        self._ready, self._start = context.Event(), context.Event()
        self._process = context.Process(target=_send, args=(self._ready, self._start), daemon=True)
        self._process.start()
        self._ready.wait(60)
        return self

    def begin(self) -> None:
        """Let it send."""
        self._began = time.perf_counter()
        self._start.set()

    def end(self) -> None:
        """Count what it has handed over, and stop it."""
        self.took = time.perf_counter() - self._began
        self.handed = self._sent()
        self._process.kill()
        self._process.join(10)

    @property
    def is_done(self) -> bool:
        """True when nothing is left to send: what was measured then was half alone."""
        return self.handed >= AUDIENCE

    def _sent(self) -> int:
        from messaging.models import Message

        return Message.objects.filter(stream_id=self.stream, submitted_at__isnull=False).count()

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join(10)


def _send(ready: Event, start: Event) -> None:
    import django

    django.setup()
    from bench import messages

    messages._at_noon()
    from django.db import connection

    connection.ensure_connection()
    ready.set()
    start.wait()
    messages._by_sender(0)
