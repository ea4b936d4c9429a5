"""Four eyes: one person proposes a change, another puts it in force; what only tightens takes one (ADR 0027)."""

from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from core.access import audit
from core.access.change_kinds import ChangeKind, Fields, kinds
from core.access.models import Proposal
from core.lib.errors import Refusal

State = Proposal.State


class ChangeNotPermitted(Refusal):
    """The account may not make changes of this kind."""

    code = "change_not_permitted"
    sentence = _("You may not make changes of this kind.")


class NothingChanges(Refusal):
    """What is asked for is what stands."""

    code = "nothing_changes"
    sentence = _("Nothing has changed: it stands so already.")


class ChangeInvalid(Refusal):
    """The result would not be valid."""

    code = "change_invalid"
    sentence = _("This cannot be: %(why)s")


class AnotherWaits(Refusal):
    """A change of the same thing waits."""

    code = "another_change_waits"
    sentence = _("Another change of this waits for its confirmation. It has to be decided or withdrawn first.")


class ProposalDecided(Refusal):
    """Somebody was faster, perhaps oneself in another tab."""

    code = "proposal_decided"
    sentence = _("This proposal waits no longer: it is %(state)s.")


class OwnProposal(Refusal):
    """Four eyes are two people's; a superuser's account is one person's, too."""

    code = "own_proposal"
    sentence = _("You proposed this yourself: another person has to decide.")


class ProposalOfAnother(Refusal):
    """Only who proposed a change withdraws it."""

    code = "proposal_of_another"
    sentence = _("Somebody else proposed this: you can refuse it, not withdraw it.")


class ProposalLapsed(Refusal):
    """Its time is over, whether or not the job has marked it."""

    code = "proposal_lapsed"
    sentence = _("This proposal has lapsed: it can be proposed again.")


class ProposerGone(Refusal):
    """An account that was locked, or has lost the right, no longer counts as one of the two."""

    code = "proposer_gone"
    sentence = _("Whoever proposed this may no longer do so: refuse it, and propose it anew if it is still wanted.")


class SubjectChanged(Refusal):
    """The proposal, its forecast and its tightening speak of something that stands no more."""

    code = "subject_changed"
    sentence = _("What this changes has changed meanwhile: refuse or withdraw it, and propose it anew.")


@transaction.atomic
def submit(
    *, kind: str, subject: str, after: Fields | None, person: User, now: datetime, reason: str = ""
) -> Proposal | None:
    """Put a change in force if it only tightens, and return None; else propose it. `after` None removes the thing.

    Raises ChangeNotPermitted, NothingChanges, ChangeInvalid, AnotherWaits, or what the kind refuses.
    """
    change = kinds()[kind]
    _require(person, change)
    if unknown := set(after or {}) - set(change.labels):
        raise ValueError(f"{kind} has no field {min(unknown)}")
    lapse(now=now)  # what has lapsed must not stand in the way; its rows are locked before the thing's, as in confirm
    standing = change.standing(subject)
    wanted = {} if after is None else {**standing, **after}
    names = [name for name in change.labels if standing.get(name) != wanted.get(name)]
    if not names:
        raise NothingChanges
    before = {name: standing[name] for name in names if name in standing}
    new = {name: wanted[name] for name in names if name in wanted}
    _check(change, subject, wanted, now)
    if change.is_tightening(before, new):
        change.apply(subject=subject, before=before, after=new, by=_by(person), now=now)
        return None
    proposal = Proposal(
        kind=kind,
        subject=subject,
        before=before,
        after=new,
        forecast=change.forecast(subject, standing, wanted, now),
        reason=reason,
        proposed_by=person,
        proposed_at=now,
        lapses_at=now + settings.PROPOSAL_LIFE,
    )
    try:
        with transaction.atomic():
            proposal.save()
    except IntegrityError as error:
        if "proposal_one_waits" not in str(error):
            raise
        raise AnotherWaits from error
    _record(proposal, action="propose_change", by=_by(person), reason=reason, now=now)
    return proposal


@transaction.atomic
def confirm(*, proposal: Proposal, person: User, now: datetime) -> Proposal:
    """Put a proposal in force: another person's yes.

    Raises ProposalDecided, OwnProposal, ChangeNotPermitted, ProposalLapsed, ProposerGone, SubjectChanged,
    ChangeInvalid, or what the kind refuses.
    """
    waiting = _lock(proposal)
    change = kinds()[waiting.kind]
    _require_another(person, waiting, change)
    if now >= waiting.lapses_at:
        raise ProposalLapsed
    if not waiting.proposed_by.has_perm(change.permission):
        raise ProposerGone
    standing = change.standing(waiting.subject)
    if not _still_stands(waiting, standing):
        raise SubjectChanged
    _check(change, waiting.subject, {**standing, **waiting.after} if waiting.after else {}, now)
    change.apply(subject=waiting.subject, before=waiting.before, after=waiting.after, by=_by(person), now=now)
    return _decide(waiting, State.CONFIRMED, action="confirm_change", person=person, now=now)


@transaction.atomic
def refuse(*, proposal: Proposal, person: User, now: datetime, answer: str = "") -> Proposal:
    """Another person's no. Raises ProposalDecided, OwnProposal or ChangeNotPermitted."""
    waiting = _lock(proposal)
    _require_another(person, waiting, kinds()[waiting.kind])
    waiting.answer = answer
    return _decide(waiting, State.REFUSED, action="refuse_change", person=person, now=now)


@transaction.atomic
def withdraw(*, proposal: Proposal, person: User, now: datetime) -> Proposal:
    """Take one's own proposal back. Raises ProposalDecided or ProposalOfAnother."""
    waiting = _lock(proposal)
    if person.pk != waiting.proposed_by_id:
        raise ProposalOfAnother
    return _decide(waiting, State.WITHDRAWN, action="withdraw_change", person=person, now=now)


@transaction.atomic
def lapse(*, now: datetime) -> int:
    """End what nobody decided in time; return how many."""
    # One that somebody decides at this moment is left to them: waiting for its lock could only find it decided.
    due = (
        Proposal.objects.select_for_update(skip_locked=True, of=["self"])
        .select_related("proposed_by")
        .filter(state=State.WAITING, lapses_at__lte=now)
    )
    lapsed = [_decide(one, State.LAPSED, action="lapse_change", person=None, now=now) for one in due.order_by("pk")]
    return len(lapsed)


def waiting(*, now: datetime, kind: str = "") -> QuerySet[Proposal]:
    """What can still be decided, of a kind or of all."""
    found = Proposal.objects.filter(state=State.WAITING, lapses_at__gt=now).select_related("proposed_by")
    return (found.filter(kind=kind) if kind else found).order_by("lapses_at", "pk")


def waiting_for(person: User, *, now: datetime) -> QuerySet[Proposal]:
    """What the person could decide now."""
    permitted = [name for name, change in kinds().items() if person.has_perm(change.permission)]
    return waiting(now=now).filter(kind__in=permitted).exclude(proposed_by=person.pk)


def _by(person: User) -> str:
    return f"staff:{person.get_username()}"


def _require(person: User, change: ChangeKind) -> None:
    if not person.has_perm(change.permission):
        raise ChangeNotPermitted


def _require_another(person: User, proposal: Proposal, change: ChangeKind) -> None:
    if person.pk == proposal.proposed_by_id:
        raise OwnProposal
    _require(person, change)


def _lock(proposal: Proposal) -> Proposal:
    # Two confirmations at once take turns here; the second finds it decided. The proposal comes before what it changes,
    # everywhere: the other order would be a deadlock with a confirmation under way.
    locked = Proposal.objects.select_for_update(of=["self"]).select_related("proposed_by").get(pk=proposal.pk)
    if locked.state != State.WAITING:
        raise ProposalDecided(state=locked.get_state_display())
    return locked


def _still_stands(proposal: Proposal, standing: Fields) -> bool:
    """Whether what the proposal changes is as it was; of what is made or removed, all of it."""
    if not proposal.before or not proposal.after:
        return bool(proposal.before == standing)
    return all(name in standing and standing[name] == value for name, value in proposal.before.items())


def _check(change: ChangeKind, subject: str, wanted: Fields, now: datetime) -> None:
    try:
        change.check(subject, wanted, now)
    except ValidationError as error:
        raise ChangeInvalid(why=" ".join(error.messages)) from error


def _decide(proposal: Proposal, state: State, *, action: str, person: User | None, now: datetime) -> Proposal:
    """End a locked proposal; one that lapses does so at its instant, whenever the job comes (ADR 0009)."""
    proposal.state, proposal.decided_by = state, person
    proposal.decided_at = now if person else proposal.lapses_at
    proposal.save(update_fields=["state", "decided_by", "decided_at", "answer"])
    _record(proposal, action=action, by=_by(person) if person else "job", reason=proposal.answer, now=now)
    return proposal


def _record(proposal: Proposal, *, action: str, by: str, reason: str, now: datetime) -> None:
    details = {
        "kind": proposal.kind,
        "subject": proposal.subject,
        "before": proposal.before,
        "after": proposal.after,
        "proposed_by": _by(proposal.proposed_by),
    }
    audit.record(by=by, action=action, subject=f"proposal:{proposal.pk}", reason=reason, details=details, now=now)
