"""Nowhere: for measuring the sender, and for a set-up without a network."""

from messaging.channels.kind import Option, TransportKind

TRANSPORT = TransportKind(
    title="takes everything and sends nothing",
    transport="messaging.channels.null.transport.NullTransport",
    channels=("sms",),
    has_process=False,
    health="always up",
    options={"batch": Option("messages at a time, at most; 1000", 500)},
)
