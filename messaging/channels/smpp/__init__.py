"""SMPP 3.4 to an SMSC.

transport.py is what a sender sees. handing.py keeps what becomes of each message of a batch. link.py keeps one bound
connection and its thread; it has wire.py for the octets, pulse.py for silence, queries.py for query_sm, and submits.py
for messages: waiting.py holds those not yet written, window.py those not yet answered, pace.py how fast. receipts.py
stores before it acknowledges. pdus.py says how everything is written and read.
"""

from messaging.channels.kind import Option, TransportKind

TRANSPORT = TransportKind(
    title="SMS by SMPP 3.4 to an SMSC",
    transport="messaging.channels.smpp.transport.SmppTransport",
    channels=("sms",),
    has_process=True,
    health="up while it is bound",
    options={
        "host": Option("the SMSC", "smsc.example", is_required=True),
        "port": Option("its port; 2775", 2775),
        "system_id": Option("who we are to it", "smart", is_required=True),
        "password": Option("its password; `password_env` names a variable instead", "made-up", is_required=True),
        "source": Option("who messages are from: letters or digits", "SMART", is_required=True),
        "source_ton": Option("the source's type of number, where it is not what its form says", 5),
        "source_npi": Option("the source's numbering plan", 0),
        "system_type": Option("what some SMSCs want at a bind", "VMA"),
        "bind": Option("transceiver, or tx_rx for a connection each way; transceiver", "tx_rx"),
        "tls": Option("speak TLS; false", True),
        "tls_verify": Option("believe its certificate only when it is good; true", True),
        "ca_file": Option("a file with the CA of its certificate, where it is your own", "/etc/smart/ca.pem"),
        "window": Option("messages not yet answered, at most; 50", 50),
        "batch": Option("messages at a time, at most", 500),
        "segmentation": Option("udh, or message_payload; udh", "message_payload"),
        "user_message_reference": Option("name our message in each; true", True),
        "enquire_link_seconds": Option("of silence before we ask whether it lives; 30", 30.0),
        "response_timeout_seconds": Option("for an answer; 10", 10.0),
        "throttle_pause_seconds": Option("of pause when it is too much; 1", 1.0),
    },
)
