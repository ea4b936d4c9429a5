"""The telephone in the browser, and the network that brings it messages."""

from messaging.channels.kind import Option, TransportKind

TRANSPORT = TransportKind(
    title="the handset page, in a local set-up",
    transport="smart.local.handset.transport.HandsetTransport",
    channels=("sms", "ussd", "ivr"),
    has_process=False,
    health="always up",
    options={"batch": Option("messages at a time, at most; 500", 100)},
)
