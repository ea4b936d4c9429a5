"""Nowhere takes everything."""

from messaging.channels.base import Verdict
from messaging.channels.null.transport import NullTransport
from tests.messaging.gateways import outgoing


def test_everything_is_accepted_and_nothing_becomes_of_it() -> None:
    transport = NullTransport({"name": "quiet"})
    messages = [outgoing(message_id=number) for number in (1, 2)]

    outcomes = transport.hand_over(messages)

    assert [(outcome.message.message_id, outcome.verdict, outcome.network_ids) for outcome in outcomes] == [
        (1, Verdict.ACCEPTED, ()),
        (2, Verdict.ACCEPTED, ()),
    ]
    assert transport.health().is_up
