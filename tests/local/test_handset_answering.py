"""A pushed invitation answered on the handset page, as its dialog would (S1)."""

import json

import pytest

from core.lib import clock
from messaging.models import Message
from messaging.sending.sender import Sender
from smart.local.handset.transport import HandsetTransport, arrive
from smart.local.models import HandsetMessage
from surveys.models import Answer, Response
from tests.messaging.conftest import noon  # noqa: F401
from tests.surveys.conftest import make_member, make_survey  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def invited(make_survey, make_member, noon):  # noqa: F811
    """A member whose invitation has arrived, by the message's id in the inbox."""
    member = make_member(language="kk")
    make_survey(channels=["ussd"], languages=["kk"])
    Sender(HandsetTransport({"name": "handset"})).run(until_idle=True, seconds=10)
    arrive("handset", now=clock.now())
    return member


def answer(client, message, key, state):
    body = json.dumps({"message": message, "key": key, "state": state})
    return client.post("/handset/answer/", body, content_type="application/json")


def inbox(client, member):
    return client.get(f"/handset/inbox/?person={member.pk}").json()["messages"]


def test_the_invitation_alone_can_be_answered(client, invited):
    shown = {message["channel"]: message["answer"] for message in inbox(client, invited)}

    assert shown == {"ussd": HandsetMessage.objects.get(channel="ussd").pk, "sms": None}  # the welcome asks nothing


def test_it_is_answered_to_the_end(client, invited):
    [message] = [message["answer"] for message in inbox(client, invited) if message["answer"]]

    step = {"state": None}
    for key in ["1", "1", "0", "10"]:
        step = answer(client, message, key, step["state"]).json()

    assert step["is_over"]
    assert step["text"].startswith("Жауаптарыңызға рақмет!")
    assert Response.objects.get().state == "completed"
    assert Answer.objects.count() == 3


@pytest.mark.parametrize("state", ["x", 7, []])
def test_an_odd_state_is_refused(client, invited, state):
    message = HandsetMessage.objects.get(channel="ussd").pk

    assert answer(client, message, "1", state).status_code == 422


def test_a_message_that_asks_nothing_cannot_be_answered(client, invited):
    message = HandsetMessage.objects.get(channel="ussd")
    HandsetMessage.objects.filter(pk=message.pk).update(channel="sms")

    assert answer(client, message.pk, "1", None).status_code == 422
    assert not Response.objects.exists()
    assert Message.objects.filter(message_class="survey").count() == 1
