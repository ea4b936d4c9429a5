"""A proposal in the back office: before and after, the forecast, and who may do what to it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from core.access import proposals
from core.access.models import Proposal
from core.lib import clock
from core.staff.pages import StaffRequest, framed, page
from core.staff.state_actions import StateAction

SEE = "access.view_proposal"
_WAITING = (Proposal.State.WAITING.value,)


def count_for(request: HttpRequest) -> int:
    """How many wait for the reader, for the menu and the first page."""
    if not isinstance(request.user, User) or not request.user.has_perm(SEE):
        return 0
    return proposals.waiting_for(request.user, now=clock.now()).count()


@page(SEE)
@require_safe
def look(request: StaffRequest, proposal_id: int) -> HttpResponse:
    """One proposal."""
    proposal = _proposal_or_404(proposal_id)
    change, is_own = proposal.change, proposal.proposed_by_id == request.user.pk
    is_open = proposal.state == Proposal.State.WAITING
    has_lapsed = is_open and clock.now() >= proposal.lapses_at
    return framed(
        request,
        "proposals/one.html",
        title=str(proposal),
        proposal=proposal,
        state=Proposal.State.LAPSED.label if has_lapsed else proposal.get_state_display(),
        kind=change.name,
        forecast=change.forecast_in_words(proposal.forecast),
        source=reverse(change.page),
        is_open=is_open,
        is_own=is_own,
        has_lapsed=has_lapsed,
        may_decide=is_open and not is_own and request.user.has_perm(change.permission),
    )


class AnswerForm(forms.Form):
    """Why not."""

    answer = forms.CharField(label=gettext_lazy("Reason"), max_length=300, required=False)


# Which operation, what its button says, what will happen, what has happened; the operation judges whether one may.
_CONFIRM = {
    "does": gettext_lazy("Confirm"),
    "what": lambda proposal: _("In force at once: %(change)s.") % {"change": proposal.summary},
    "done": gettext_lazy("Confirmed: it is in force."),
}
_REFUSE = {
    "does": gettext_lazy("Refuse"),
    "what": gettext_lazy("Nothing changes, and who proposed it reads your reason."),
    "done": gettext_lazy("Refused: nothing has changed."),
    "form": AnswerForm,
}
_WITHDRAW = {
    "does": gettext_lazy("Withdraw"),
    "what": gettext_lazy("Nothing changes. It can be proposed again."),
    "done": gettext_lazy("Withdrawn: nothing has changed."),
}


def _act(request: StaffRequest, proposal_id: int, operation: Callable[..., Proposal], words: Any) -> HttpResponse:
    proposal = _proposal_or_404(proposal_id)

    def decide(*, by: str, **asked: Any) -> Proposal:  # by the account, whatever it is called
        return operation(person=request.user, **asked)

    action = StateAction(operation=decide, states=_WAITING, wrong_state=proposals.ProposalDecided, **words)
    back = reverse("proposals:one", args=[proposal.pk])
    return action.run(request, back=back, proposal=proposal)


def _view(operation: Callable[..., Proposal], words: Any) -> Any:
    view = partial(_act, operation=operation, words=words)
    return page(SEE)(require_http_methods(["GET", "HEAD", "POST"])(view))


confirm = _view(proposals.confirm, _CONFIRM)
refuse = _view(proposals.refuse, _REFUSE)
withdraw = _view(proposals.withdraw, _WITHDRAW)


def _proposal_or_404(proposal_id: int) -> Proposal:
    return get_object_or_404(Proposal.objects.select_related("proposed_by", "decided_by"), pk=proposal_id)
