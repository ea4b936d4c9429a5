"""An HTTP SMS gateway in Kannel's convention."""

from messaging.channels.kind import Option, TransportKind

TRANSPORT = TransportKind(
    title="SMS through an HTTP gateway in Kannel's convention",
    transport="messaging.channels.kannel.transport.KannelTransport",
    channels=("sms",),
    has_process=False,
    health="up unless the gateway was not there when last tried, or would have none of our messages",
    options={
        "url": Option("the gateway's address", "http://127.0.0.1:13013/cgi-bin/sendsms", is_required=True),
        "ca_file": Option("a file with the CA of an https gateway, where it is your own", "/etc/smart/ca.pem"),
        "connections": Option("requests at once; 8", 8),
        "timeout_seconds": Option("for an answer; 5", 5.0),
        "batch": Option("messages at a time, at most; 100", 100),
        "username": Option("Kannel's user", "smart", is_required=True),
        "password": Option("its password; `password_env` names a variable instead", "made-up", is_required=True),
        "callback_url": Option("where Kannel reaches us with receipts", "https://smart.example", is_required=True),
        "sender": Option("who the message is from", "SMART"),
        "smsc": Option("Kannel's SMSC, where it has several", "activ"),
        "method": Option("post, or get for gateways that know the query alone; post", "get"),
    },
)
