"""Four eyes (ADR 0027): another person by account, before it lapses, if what it changes still stands; on record."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, connection, models, transaction
from django.test import Client

from core.access import proposals
from core.access.change_kinds import kinds
from core.access.models import AuditEvent, Proposal
from messaging.models import SendingPolicy
from smart import tasks
from smart.backoffice import roles
from tests.races import race

Propose = Callable[..., Proposal]
LIFE = settings.PROPOSAL_LIFE
MOMENT = timedelta(microseconds=1)


def person(name: str, **fields: Any) -> User:
    """Somebody of marketing."""
    roles.load()
    user = User.objects.create_user(name, password="x", is_staff=True, **fields)
    user.groups.add(Group.objects.get(name="marketing"))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def anna(db: None) -> User:
    """Proposes."""
    return person("anna")


@pytest.fixture
def berik(db: None) -> User:
    """Decides."""
    return person("berik")


@pytest.fixture
def propose(anna: User, now: datetime) -> Propose:
    """Anna proposes, of a policy of 5 offers a month, 8, or other fields."""
    SendingPolicy.objects.update(offers_a_month=5, opens="11:00")

    def make(**after: Any) -> Proposal:
        proposal = proposals.submit(
            kind="sending_policy", subject="sending", after=after or {"offers_a_month": 8}, person=anna, now=now
        )
        assert proposal is not None
        return proposal

    return make


def offers_a_month() -> int:
    return SendingPolicy.objects.get().offers_a_month


def test_nothing_is_in_force_before_another_person_confirms(propose: Propose, berik: User, now: datetime) -> None:
    proposal = propose()
    assert offers_a_month() == 5

    proposals.confirm(proposal=proposal, person=berik, now=now)

    proposal.refresh_from_db()
    assert offers_a_month() == 8
    assert (proposal.state, proposal.decided_by, proposal.decided_at) == ("confirmed", berik, now)


@pytest.mark.parametrize("decide", [proposals.confirm, proposals.refuse])
@pytest.mark.parametrize("is_superuser", [False, True], ids=["staff", "superuser"])
def test_who_proposed_decides_nothing(
    propose: Propose, anna: User, now: datetime, decide: Callable[..., Proposal], is_superuser: bool
) -> None:
    proposal = propose()
    User.objects.filter(pk=anna.pk).update(is_superuser=is_superuser, username="anna.b")  # a person is an account

    with pytest.raises(proposals.OwnProposal):
        decide(proposal=proposal, person=User.objects.get(pk=anna.pk), now=now)

    proposal.refresh_from_db()
    assert (proposal.state, offers_a_month()) == ("waiting", 5)


@pytest.mark.parametrize("state", ["confirmed", "refused"])
def test_the_database_takes_no_decision_of_who_proposed(propose: Propose, now: datetime, state: str) -> None:
    proposal = propose()

    def decide(who: int) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "UPDATE access_proposal SET state = %s, decided_by_id = %s, decided_at = %s", [state, who, now]
            )

    with pytest.raises(IntegrityError, match="proposal_decided_by_another"):
        decide(proposal.proposed_by_id)
    decide(person("other").pk)

    proposal.refresh_from_db()
    assert proposal.state == state


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "confirmed"},
        {"state": "confirmed", "by": "berik"},
        {"state": "confirmed", "at": timedelta()},
        {"state": "confirmed", "by": "berik", "at": LIFE},
        {"state": "refused", "at": timedelta()},
        {"state": "refused", "by": "berik"},
        {"state": "withdrawn", "by": "berik", "at": timedelta()},
        {"state": "withdrawn", "at": timedelta()},
        {"state": "withdrawn", "by": "anna"},
        {"state": "lapsed"},
        {"state": "lapsed", "at": timedelta()},
        {"state": "lapsed", "by": "berik", "at": LIFE},
        {"state": "waiting", "by": "berik", "at": timedelta()},
        {"state": "done", "by": "berik", "at": timedelta()},
    ],
    ids=str,
)
def test_a_state_tells_who_ended_it_and_when(propose: Propose, berik: User, now: datetime, fields: Any) -> None:
    proposal = propose()
    who = User.objects.get(username=fields["by"]) if "by" in fields else None
    at = now + fields["at"] if "at" in fields else None

    with pytest.raises(IntegrityError, match="proposal_state_tells_its_end"), transaction.atomic():
        Proposal.objects.filter(pk=proposal.pk).update(state=fields["state"], decided_by=who, decided_at=at)


@pytest.mark.parametrize("fields", [{"after": {"offers_a_month": 10}}, {"lapses_at": None}, {"forecast": {}}], ids=str)
def test_what_is_confirmed_is_what_was_proposed(propose: Propose, now: datetime, fields: dict[str, Any]) -> None:
    proposal = propose()
    fields = {name: now + 2 * LIFE if value is None else value for name, value in fields.items()}

    with pytest.raises(IntegrityError, match="decided once"), transaction.atomic():
        Proposal.objects.filter(pk=proposal.pk).update(**fields)


def test_what_was_decided_stays(propose: Propose, berik: User, now: datetime) -> None:
    proposal = proposals.refuse(proposal=propose(), person=berik, now=now)

    for undo in (lambda: Proposal.objects.update(answer="yes"), lambda: proposal.delete()):
        with pytest.raises(IntegrityError, match="decided once"), transaction.atomic():
            undo()
    for decide in (proposals.confirm, proposals.refuse, proposals.withdraw):
        with pytest.raises(proposals.ProposalDecided):
            decide(proposal=proposal, person=berik, now=now)


@pytest.mark.parametrize(("after", "is_open"), [(LIFE - MOMENT, True), (LIFE, False), (LIFE + MOMENT, False)], ids=str)
def test_it_lapses_to_the_instant_whether_or_not_the_job_has_come(
    propose: Propose, berik: User, now: datetime, after: timedelta, is_open: bool
) -> None:
    proposal = propose()

    assert list(proposals.waiting(now=now + after)) == [proposal] * is_open
    if is_open:
        assert proposals.lapse(now=now + after) == 0
        proposals.confirm(proposal=proposal, person=berik, now=now + after)
    else:
        with pytest.raises(proposals.ProposalLapsed):
            proposals.confirm(proposal=proposal, person=berik, now=now + after)
        assert proposals.lapse(now=now + after) == 1
    assert offers_a_month() == (8 if is_open else 5)


def test_the_job_ends_it_at_its_own_instant(propose: Propose, now: datetime, stand_at: Callable[..., None]) -> None:
    proposal = propose()
    stand_at(now + 2 * LIFE)

    assert (tasks.lapse_proposals(), tasks.lapse_proposals()) == (1, 0)

    proposal.refresh_from_db()
    assert (proposal.state, proposal.decided_at, proposal.decided_by) == ("lapsed", now + LIFE, None)
    assert AuditEvent.objects.get(action="lapse_change").by == "job"


def test_what_has_lapsed_stands_in_nobodys_way(propose: Propose, berik: User, now: datetime) -> None:
    propose()

    again = proposals.submit(
        kind="sending_policy", subject="sending", after={"offers_a_month": 9}, person=berik, now=now + LIFE
    )

    assert again is not None
    assert set(Proposal.objects.values_list("state", flat=True)) == {"lapsed", "waiting"}


def test_one_change_of_a_thing_waits_at_a_time(propose: Propose, now: datetime) -> None:
    propose()

    with pytest.raises(proposals.AnotherWaits):
        propose(offers_a_month=9)

    assert Proposal.objects.count() == 1


def test_what_has_changed_meanwhile_is_not_confirmed(propose: Propose, berik: User, now: datetime) -> None:
    """Its forecast spoke of another policy: 5 offers, when somebody has gone down to 3."""
    proposal = propose()
    assert (
        proposals.submit(kind="sending_policy", subject="sending", after={"offers_a_month": 3}, person=berik, now=now)
        is None
    )

    with pytest.raises(proposals.SubjectChanged):
        proposals.confirm(proposal=proposal, person=berik, now=now)

    assert offers_a_month() == 3
    proposals.refuse(proposal=proposal, person=berik, now=now)  # and out of the way it goes


def test_what_another_field_became_meanwhile_stays(propose: Propose, berik: User, now: datetime) -> None:
    proposal = propose()
    SendingPolicy.objects.update(surveys_a_month=1)

    proposals.confirm(proposal=proposal, person=berik, now=now)

    assert (offers_a_month(), SendingPolicy.objects.get().surveys_a_month) == (8, 1)


def test_what_only_tightens_takes_one_person_and_is_on_record(anna: User, now: datetime) -> None:
    done = proposals.submit(kind="sending_policy", subject="sending", after={"offers_a_month": 9}, person=anna, now=now)

    event = AuditEvent.objects.get()
    assert (done, offers_a_month()) == (None, 9)
    assert (event.by, event.action, event.at) == ("staff:anna", "change_sending_policy", now)
    assert event.details == {
        "changed": ["offers_a_month"],
        "before": {"offers_a_month": 10},
        "after": {"offers_a_month": 9},
    }


def test_each_step_is_on_record_with_both_persons(propose: Propose, anna: User, berik: User, now: datetime) -> None:
    for decide, who in ((proposals.refuse, berik), (proposals.withdraw, anna), (proposals.confirm, berik)):
        decide(proposal=propose(), person=who, now=now)

    told = AuditEvent.objects.filter(subject__startswith="proposal:").order_by("pk")
    assert [(event.action, event.by) for event in told] == [
        ("propose_change", "staff:anna"),
        ("refuse_change", "staff:berik"),
        ("propose_change", "staff:anna"),
        ("withdraw_change", "staff:anna"),
        ("propose_change", "staff:anna"),
        ("confirm_change", "staff:berik"),
    ]
    assert {event.details["proposed_by"] for event in told} == {"staff:anna"}
    assert told[0].details["before"] == {"offers_a_month": 5}
    assert told[0].details["after"] == {"offers_a_month": 8}


def test_only_who_proposed_withdraws(propose: Propose, berik: User, now: datetime) -> None:
    with pytest.raises(proposals.ProposalOfAnother):
        proposals.withdraw(proposal=propose(), person=berik, now=now)


def test_who_may_not_change_it_may_neither_propose_nor_decide(propose: Propose, berik: User, now: datetime) -> None:
    """P1."""
    proposal = propose()
    berik.groups.set(Group.objects.filter(name="care"))
    stranger = User.objects.get(pk=berik.pk)

    for decide in (proposals.confirm, proposals.refuse):
        with pytest.raises(proposals.ChangeNotPermitted):
            decide(proposal=proposal, person=stranger, now=now)
    for cap in (4, 9):  # tighter and looser
        with pytest.raises(proposals.ChangeNotPermitted):
            proposals.submit(
                kind="sending_policy", subject="sending", after={"offers_a_month": cap}, person=stranger, now=now
            )


@pytest.mark.parametrize("fields", [{"is_active": False}, {"groups": []}], ids=["locked", "of another role"])
def test_an_account_that_is_locked_is_no_longer_one_of_the_two(
    propose: Propose, anna: User, berik: User, now: datetime, fields: dict[str, Any]
) -> None:
    proposal = propose()
    anna.is_active = fields.get("is_active", True)
    anna.save()
    if "groups" in fields:
        anna.groups.clear()

    with pytest.raises(proposals.ProposerGone):
        proposals.confirm(proposal=proposal, person=berik, now=now)


def test_an_account_that_has_proposed_is_not_deleted(propose: Propose, anna: User) -> None:
    """Else somebody of the same name could be made, and would be another person."""
    propose()

    with pytest.raises(models.ProtectedError):
        anna.delete()


def test_what_cannot_be_is_not_even_proposed(propose: Propose, now: datetime) -> None:
    """M4: the rule's ten."""
    with pytest.raises(proposals.ChangeInvalid, match="policy_caps_within_the_rule"):
        propose(offers_a_month=11)
    with pytest.raises(proposals.NothingChanges):
        propose(offers_a_month=5)
    with pytest.raises(ValueError, match="no field offers_a_year"):
        propose(offers_a_year=5)


@pytest.mark.django_db(transaction=True)
def test_of_two_confirmations_at_once_one_is_a_confirmation(propose: Propose, berik: User, now: datetime) -> None:
    proposal = propose()
    people = [berik, person("carla"), berik, person("dana")]

    outcomes = race(*[lambda who=who: proposals.confirm(proposal=proposal, person=who, now=now) for who in people])

    assert sorted(map(str, (outcome if isinstance(outcome, str) else "done" for outcome in outcomes))) == [
        "done", "proposal_decided", "proposal_decided", "proposal_decided",
    ]  # fmt: skip
    assert AuditEvent.objects.filter(action__in=["confirm_change", "change_sending_policy"]).count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_double_click_proposes_once(propose: Propose) -> None:
    outcomes = race(*[propose] * 4)

    assert sorted(outcome if isinstance(outcome, str) else "done" for outcome in outcomes) == [
        "another_change_waits", "another_change_waits", "another_change_waits", "done",
    ]  # fmt: skip
    assert Proposal.objects.count() == AuditEvent.objects.filter(action="propose_change").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_tightening_beside_a_confirmation_is_never_undone_by_it(propose: Propose, berik: User, now: datetime) -> None:
    """Whichever comes first: 8 and then 3, or 3 and the confirmation refused."""
    proposal, carla = propose(), person("carla")

    def tighten() -> None:
        proposals.submit(kind="sending_policy", subject="sending", after={"offers_a_month": 3}, person=carla, now=now)

    race(tighten, lambda: proposals.confirm(proposal=proposal, person=berik, now=now))

    assert offers_a_month() == 3


def test_every_kind_names_a_permission_a_page_and_its_fields() -> None:
    assert set(kinds()) == {"sending_policy", "bonus_terms"}
    for kind in kinds().values():
        assert kind.permission.partition(".")[2] in roles.ROLES["marketing"]
        assert kind.labels


# Pages


@pytest.fixture
def sign_in(db: None) -> Callable[[User], Client]:
    """A browser that reads English."""

    def make(user: User) -> Client:
        client = Client(headers={"Accept-Language": "en"})
        client.force_login(user)
        return client

    return make


def test_a_second_person_reads_it_confirms_it_and_it_is_in_force(
    propose: Propose, anna: User, berik: User, sign_in: Callable[[User], Client]
) -> None:
    proposal, client = propose(), sign_in(berik)
    page = f"/admin/proposals/{proposal.pk}/"

    shown, asked = client.get(page).content.decode(), client.get(f"{page}confirm/").content.decode()
    assert offers_a_month() == 5
    done = client.post(f"{page}confirm/", follow=True).content.decode()

    for words in ("offers a month", "<td>5</td>", "<strong>8</strong>", "anna", "26.11.2026 12:00", "Members now: 0."):
        assert words in shown
    assert "In force at once: offers a month: 5 → 8." in asked
    assert "Confirmed: it is in force." in done
    assert offers_a_month() == 8
    assert (
        "This proposal waits no longer: it is confirmed."
        in client.post(f"{page}confirm/", follow=True).content.decode()
    )


def test_who_proposed_reads_why_he_may_not_confirm(
    propose: Propose, anna: User, sign_in: Callable[[User], Client]
) -> None:
    proposal, client = propose(), sign_in(anna)
    page = f"/admin/proposals/{proposal.pk}/"

    shown = client.get(page).content.decode()
    refused = client.post(f"{page}confirm/", follow=True).content.decode()

    assert "You proposed this: another person has to confirm it." in shown
    assert f"{page}confirm/" not in shown
    assert "You proposed this yourself: another person has to decide." in refused
    assert "Withdrawn: nothing has changed." in client.post(f"{page}withdraw/", follow=True).content.decode()


def test_who_proposed_reads_why_it_was_refused(
    propose: Propose, anna: User, berik: User, sign_in: Callable[[User], Client]
) -> None:
    page = f"/admin/proposals/{propose().pk}/"

    sign_in(berik).post(f"{page}refuse/", {"answer": "too many"})

    assert "too many" in sign_in(anna).get(page).content.decode()
    assert AuditEvent.objects.get(action="refuse_change").reason == "too many"


def test_a_lapsed_one_offers_no_confirmation(
    propose: Propose, berik: User, sign_in: Callable[[User], Client], stand_at: Callable[..., None], now: datetime
) -> None:
    page = f"/admin/proposals/{propose().pk}/"
    stand_at(now + LIFE)

    shown = sign_in(berik).get(page).content.decode()

    assert "lapsed" in shown
    assert f"{page}confirm/" not in shown


def test_the_first_page_and_the_menu_tell_how_many_wait_for_the_reader(
    propose: Propose, anna: User, berik: User, sign_in: Callable[[User], Client]
) -> None:
    propose()

    assert "Changes that wait for your confirmation: 1" in " ".join(
        sign_in(berik).get("/admin/").content.decode().split()
    )
    assert "Changes that wait for your confirmation" not in sign_in(anna).get("/admin/").content.decode()


def test_the_list_leads_to_its_page(propose: Propose, berik: User, sign_in: Callable[[User], Client]) -> None:
    proposal, client = propose(), sign_in(berik)

    shown = client.get("/admin/access/proposal/").content.decode()
    opened = client.get(f"/admin/access/proposal/{proposal.pk}/change/")

    assert "offers a month: 5 → 8" in shown
    assert (opened.status_code, opened.headers["Location"]) == (302, f"/admin/proposals/{proposal.pk}/")
