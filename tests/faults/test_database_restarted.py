"""PostgreSQL goes away under the web server, and comes back: nobody is told 500, and nobody waits for long."""

import http.client
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from secrets import token_hex

import pytest

from bonuses import lifecycle as bonuses
from core.access import auth, keys
from core.access.models import ApiClient
from core.lib import clock, crypto
from enrollment import consent
from enrollment.models import Subscriber
from smart import programme
from smart.local import embedded, processes
from smart.local.supervisor import WEB_ENV
from tests.faults.conftest import kill
from tests.ussd.conftest import Gateway

pytestmark = pytest.mark.machine_clock  # the web server is a process of its own

NUMBER = "77010000001"
THREADS = 6


@dataclass
class Answer:
    """What a request was told."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_later(self) -> bool:
        """True when it says to come again, and when."""
        return self.status == 503 and self.headers.get("retry-after", "").isdigit()


@dataclass
class Site:
    """The web server with its pool, and who may ask it what."""

    port: int
    charging: Gateway
    ussd: Gateway

    def debit(self) -> Answer:
        """A debit of one unit, as the charging system asks for it."""
        fields = {"request_id": token_hex(8), "msisdn": NUMBER, "service": "call", "destination": "on_net",
                  "visited_plmn": "40102", "units": 1, "event_time": clock.now().isoformat()}  # fmt: skip
        return self._post(self.charging, "/api/charging/v1/debits/", fields)

    def dial(self) -> Answer:
        """A dial of the menu, as a gateway passes it on."""
        fields = {"msisdn": NUMBER, "sequence": 1, "dialed": "*555#", "visited_plmn": "40102"}
        return self._post(self.ussd, f"/api/ussd/v1/sessions/{token_hex(8)}/", fields)

    def page(self) -> Answer:
        """A page of the back office, asked for with a session that has to be looked up."""
        return self._ask("GET", "/admin/", b"", {"Cookie": f"sessionid={token_hex(16)}"})

    def health(self) -> Answer:
        """What a load balancer asks."""
        return self._ask("GET", "/healthz", b"", {})

    def everything(self) -> dict[str, Answer]:
        """One of each."""
        return {"debit": self.debit(), "dial": self.dial(), "page": self.page(), "health": self.health()}

    def _post(self, caller: Gateway, path: str, fields: dict[str, object]) -> Answer:
        body = json.dumps(fields).encode()
        return self._ask("POST", path, body, {**caller.signed(path, body), "Content-Type": "application/json"})

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()


def make_caller(kind: str) -> Gateway:
    client = ApiClient.objects.create(name=kind, kind=kind, proof="signature")
    key, secret = keys.issue(client=client, by="test", now=clock.now())
    return Gateway(key.key_id, secret)


def make_member() -> None:
    now = clock.now() - timedelta(minutes=1)
    subscriber = Subscriber.objects.create(
        msisdn=crypto.encrypt_msisdn(NUMBER), msisdn_index=crypto.blind_index(NUMBER), brand="activ",
        line_status="active", language="ru", created_at=now, changed_at=now,
    )  # fmt: skip
    shown = consent.ShownConsent(consent.current_consent_text(), "ru")
    programme.enroll(subscriber=subscriber, shown=shown, session="s", key="1", by="test", now=now)
    bonuses.activate(subscriber=subscriber, visited_plmn="40102", now=now)


@pytest.fixture
def site(server: embedded.Postgres, tmp_path: Path) -> Iterator[Site]:
    """One worker of the web server, as it is set up; every connection of its pool has been in use."""
    auth.forget_cached()
    make_member()
    site = Site(embedded.free_port(), make_caller("charging"), make_caller("ussd"))
    web = processes.spawn(
        [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(site.port),
         "--workers", "1", "--blocking-threads", str(THREADS), "--no-ws", "smart.wsgi:application"],
        log=tmp_path / "web.log",
        env={**os.environ, **WEB_ENV, "DATABASE_URL": server.url()},
        cwd=embedded.PROJECT,
    )  # fmt: skip
    try:
        assert processes.wait_until(lambda: is_up(site), seconds=60)
        use_the_pool(site)
        yield site
    finally:
        processes.kill_session(web)


def is_up(site: Site) -> bool:
    with suppress(OSError):
        return site.health().status == 200
    return False


def use_the_pool(site: Site) -> None:
    """Have as many requests at once as there are threads, until each has had a connection."""
    threads = [threading.Thread(target=site.everything) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers = site.everything()
    assert {name: answer.status for name, answer in answers.items()} == {
        "debit": 201, "dial": 200, "page": 302, "health": 200,
    }, answers["debit"].body  # fmt: skip


def is_served(site: Site) -> bool:
    """True when everything is answered as usual; fails when anything is answered as it never may be."""
    answers = site.everything()
    for name, answer in answers.items():
        if name != "dial":
            assert answer.status in (200, 201, 302) or answer.is_later, (name, answer)
    assert answers["dial"].status == 200, answers["dial"]
    is_dialed = json.loads(answers["dial"].body)["action"] == "continue"
    return is_dialed and not any(answer.is_later for answer in answers.values())


@pytest.mark.faults
def test_after_a_restart_requests_are_answered_or_told_when_to_come_again(
    site: Site, server: embedded.Postgres
) -> None:
    kill(server)
    server.start()
    server.wait()

    assert processes.wait_until(lambda: is_served(site), seconds=30)


@pytest.mark.faults
def test_while_the_database_is_away_everybody_is_told_to_come_again(site: Site, server: embedded.Postgres) -> None:
    kill(server)

    answers = site.everything()

    assert answers["debit"].is_later
    assert answers["debit"].headers["content-type"] == "application/problem+json"
    assert json.loads(answers["debit"].body)["code"] == "unavailable"
    assert (answers["dial"].status, json.loads(answers["dial"].body)["action"]) == (200, "end")
    assert answers["page"].is_later
    assert answers["page"].headers["content-type"].startswith("text/html")
    assert answers["health"].is_later
    server.start()
    server.wait()
    assert processes.wait_until(lambda: is_served(site), seconds=30)
