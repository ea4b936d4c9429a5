"""A made-up transport: letters."""

from messaging.channels.kind import Option, TransportKind

TRANSPORT = TransportKind(
    title="letters",
    transport="messaging.channels.post.transport.PostTransport",
    channels=("sms",),
    has_process=False,
    health="up while there are stamps",
    options={"stamps": Option("letters that can be sent", 3, is_required=True)},
)
