"""Calls through Asterisk's REST interface (ARI): a text is played to who answers, and keys are taken."""

from messaging.channels.kind import Option, TransportKind

TRANSPORT = TransportKind(
    title="calls through Asterisk's REST interface",
    transport="messaging.channels.ivr.transport.IvrTransport",
    channels=("ivr",),
    has_process=True,
    health="up while Asterisk's events can be heard",
    options={
        "url": Option("Asterisk's REST interface", "http://127.0.0.1:8088/ari", is_required=True),
        "username": Option("its user", "smart", is_required=True),
        "password": Option("its password; `password_env` names a variable instead", "made-up", is_required=True),
        "ca_file": Option("a file with the CA of an https interface, where it is your own", "/etc/smart/ca.pem"),
        "app": Option("the application, used by nothing else; smart", "smart"),
        "endpoint": Option("whom to dial; PJSIP/{number}@kcell", "PJSIP/{number}@kcell"),
        "caller_id": Option("who calls", '"SMART" <555>'),
        "lines": Option("calls at once; 10", 10),
        "ring_seconds": Option("until nobody answers; 25", 25.0),
        "most_seconds": Option("of a call that only tells something; 60", 60.0),
        "most_survey_seconds": Option("of a call that asks a survey; 240, with ring_seconds 285 at most", 240.0),
        "answer_seconds": Option("of silence before a question is asked again; 8", 8.0),
        "key_seconds": Option("between two keys; 4", 4.0),
        "prompts_at": Option("where Asterisk finds the prompts: a path, or an http address", "/var/lib/smart/prompts"),
    },
)
