"""Log lines carry their request's id and never a phone number (M6)."""

import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.test import Client
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from core.lib import logs
from core.lib.msisdn import Msisdn
from core.lib.requests import RequestIdMiddleware

SPELLINGS = {
    "eleven digits": "77010000001",
    "plus": "+77010000001",
    "eight": "87010000001",
    "spaces": "+7 701 000 00 01",
    "brackets": "8 (701) 000-00-01",
    "brackets without spaces": "+7(701)0000001",
    "dashes": "8-701-000-00-01",
    "no-break spaces": "+7\u00a0701\u00a0000\u00a000\u00a001",
}
# What stands around it in a line: quotes, JSON, a query string, a list, a path.
AROUND = [
    "{}",
    "msisdn={} is new",
    "'{}'",
    '{{"msisdn": "{}"}}',
    "?phoneNumber={}&text=1",
    "[{}]",
    "({},)",
    "/care/{}/",
]

KEPT = {
    "amount": "500 units",
    "code": "*555*00#",
    "care line": "3030",
    "instant": "2026-11-23 12:00:00,123",
    "Unix time": "1795417200",
    "milliseconds": "1795417200000",
    "subscriber": "subscriber:42",
    "networks": "40102",
    "landline of another town": "+7 495 000-00-01",
    "longer number, at its end": "177010000001",
    "longer number": "770100000011",
    "request id": "0077010000001fff",
}


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """What a logger set up as ours (settings.LOGGING) writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(logs.RequestContext())
    handler.setFormatter(logs.MaskingFormatter())
    logger = logging.getLogger("tests.logs")
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)


@contextmanager
def serving(name: str) -> Iterator[None]:
    token = logs.request_id.set(name)
    yield
    logs.request_id.reset(token)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("number", SPELLINGS.values(), ids=SPELLINGS)
def test_a_number_is_masked_whatever_stands_around_it(number: str, around: str) -> None:
    assert logs.mask_numbers(around.format(number)) == around.format("[number]")


def test_every_number_of_a_line_is_masked() -> None:
    assert logs.mask_numbers("77010000001,87010000002 +7 701 000 00 03") == "[number],[number] [number]"


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_what_is_no_mobile_number_is_kept(text: str) -> None:
    assert logs.mask_numbers(text) == text


@examples(deadline=None, database=None)
@given(
    st.integers(0, 9999), st.sampled_from(["7", "+7", "8"]), st.text(st.sampled_from(" .,:;'\"()[]{}=/\n"), max_size=4)
)
def test_no_number_of_ours_passes(number: int, prefix: str, around: str) -> None:
    digits = f"{prefix}701000{number:04d}"

    assert f"000{number:04d}" not in logs.mask_numbers(around + digits + around)


def test_a_line_names_its_level_logger_and_request(out: io.StringIO) -> None:
    with serving("0123456789abcdef"):
        logging.getLogger("tests.logs").warning("A dial was not answered in time: %s", "PoolTimeout")

    line = out.getvalue()
    assert line.endswith(" WARNING tests.logs [0123456789abcdef] A dial was not answered in time: PoolTimeout\n")


def test_a_line_outside_any_request_says_so(out: io.StringIO) -> None:
    logging.getLogger("tests.logs").warning("started")

    assert " [-] started" in out.getvalue()


@pytest.mark.parametrize(
    "arguments",
    [("asked for +77010000001",), ("asked for %s", "8 (701) 000-00-01"), ("%r", {"msisdn": "77010000001"})],
    ids=["in the message", "in an argument", "in a dict"],
)  # fmt: skip
def test_a_number_in_a_log_line_is_masked(out: io.StringIO, arguments: tuple[object, ...]) -> None:
    logging.getLogger("tests.logs").error(*arguments)

    assert "[number]" in out.getvalue()
    assert "000" not in out.getvalue().split("tests.logs")[1]


def test_a_number_in_an_exception_and_in_its_cause_is_masked(out: io.StringIO) -> None:
    typed = "+7 701 000 00 0"
    try:
        try:
            raise ValueError(f"{typed}1")
        except ValueError as error:
            raise RuntimeError(f"no row for 8701000{2:04d}") from error
    except RuntimeError:
        logging.getLogger("tests.logs").exception("failed")

    written = out.getvalue()
    assert "ValueError: [number]" in written
    assert "RuntimeError: no row for [number]" in written
    assert "Traceback" in written
    assert "87010000002" not in written


def test_a_number_that_is_read_is_logged_as_its_mask(out: io.StringIO) -> None:
    logging.getLogger("tests.logs").error("%s %r", Msisdn("77010000001"), Msisdn("77010000001"))

    assert out.getvalue().endswith("7 701 *** ** 01 Msisdn(7 701 *** ** 01)\n")


def test_every_handler_of_the_settings_masks_and_names_the_request() -> None:
    config = settings.LOGGING
    made = {config["formatters"][handler["formatter"]]["()"] for handler in config["handlers"].values()}

    assert made == {"core.lib.logs.MaskingFormatter"}
    assert all("context" in handler["filters"] for handler in config["handlers"].values())
    assert config["filters"]["context"]["()"] == "core.lib.logs.RequestContext"


def test_each_request_is_named_by_us_and_its_lines_and_answer_say_so(out: io.StringIO, client: Client) -> None:
    def view(request: object) -> dict[str, str]:
        logging.getLogger("tests.logs").warning("served")
        return {}

    answers = [RequestIdMiddleware(view)(client.request().wsgi_request) for _ in range(2)]

    first, second = (answer["X-Request-ID"] for answer in answers)
    assert first != second
    assert [line.split(" [")[1] for line in out.getvalue().splitlines()] == [f"{first}] served", f"{second}] served"]
    assert logs.request_id.get() == "-"


@pytest.mark.django_db
def test_a_callers_own_request_id_is_not_taken_over(client: Client) -> None:
    answer = client.get("/healthz", headers={"X-Request-ID": "77010000001"})

    assert answer["X-Request-ID"] != "77010000001"
    assert len(answer["X-Request-ID"]) == 16


def test_a_request_that_fails_leaves_no_name_behind(client: Client) -> None:
    def fail(request: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        RequestIdMiddleware(fail)(None)

    assert logs.request_id.get() == "-"


@pytest.mark.parametrize(
    "text",
    [
        "7.701.000.00.01",
        "+7 701 000\u201300\u201301",
        "(+7)7010000001",
        "7010000001",
        "%2B77010000001",
        "msisdn_77010000001",
        "'\\n77010000001'",
    ],
)
def test_an_odd_spelling_is_masked_too(text: str) -> None:
    assert not re.search(r"\d{2}", logs.mask_numbers(text).replace("%2B", ""))


def test_what_comes_from_outside_begins_no_line_of_its_own() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "said %s", ("a\r\n2026 ERROR forged",), None)
    record.request_id = "-"

    assert len(logs.MaskingFormatter().format(record).splitlines()) == 1


def test_a_refusal_is_logged_without_a_traceback_and_a_fault_with_one(out: io.StringIO) -> None:
    for error in (PermissionDenied("not yours"), ValueError("broken")):
        try:
            raise error
        except Exception:
            logging.getLogger("tests.logs").exception("refused" if error.args == ("not yours",) else "failed")

    refused, failed = out.getvalue().split("failed")
    assert "Traceback" not in refused
    assert "ValueError: broken" in failed
