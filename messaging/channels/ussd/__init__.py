"""USSD push in the convention of RestComm's gateway."""

from messaging.channels.kind import Option, TransportKind

TRANSPORT = TransportKind(
    title="screens and questions pushed through a gateway in RestComm's convention",
    transport="messaging.channels.ussd.transport.UssdPushTransport",
    channels=("ussd",),
    has_process=True,
    health="up unless the gateway was not there when last tried, or would have none of our messages",
    options={
        "url": Option("the gateway's address", "http://gateway.example:8080/restcomm", is_required=True),
        "ca_file": Option("a file with the CA of an https gateway, where it is your own", "/etc/smart/ca.pem"),
        "connections": Option("dialogs at once; a survey answered in one holds its own to the end; 32", 32),
        "timeout_seconds": Option("until a screen is acknowledged; 60", 60.0),
        "batch": Option("messages at a time, at most; as many as connections", 32),
        "username": Option("for HTTP Basic", "smart"),
        "password": Option("for HTTP Basic; `password_env` names a variable instead", "made-up"),
        "network_id": Option("the gateway's network, where it serves several", "1"),
        "question_kinds": Option("kinds of message that want an answer; surveys do always", ["quiz"]),
        "question_seconds": Option("that a question waits for its answer, at most; 120", 120.0),
        "dialog_seconds": Option("that a survey may take in one dialog; 180, 220 at most", 180.0),
    },
)
