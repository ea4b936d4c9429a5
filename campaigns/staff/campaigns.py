"""A campaign's page: whom it is for, what a launch would do, the launch itself, and how far it is."""

from functools import partial
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRefresh

from campaigns.campaign import lifecycle
from campaigns.models import Campaign, Variant
from campaigns.portal import preview
from campaigns.staff import audiences
from core.lib import astana, clock
from core.lib.errors import Refusal
from core.lib.languages import LANGUAGES
from core.staff.dates import instant
from core.staff.pages import StaffRequest, framed, page
from core.staff.state_actions import StateAction
from enrollment.audience import definition
from enrollment.audience.words import in_words
from enrollment.models import Channel
from messaging import kinds
from messaging.models import Message

_SEE, _CHANGE = "campaigns.view_campaign", "campaigns.change_campaign"
_FRESH_SECONDS = 5  # however many look on, messages are counted this often
State = Campaign.State
MOVING = (State.SCHEDULED, State.RUNNING, State.PAUSED)


@page(_SEE)
@require_safe
def look(request: StaffRequest, campaign_id: int) -> HttpResponse:
    """Everything about it on one page."""
    campaign = get_object_or_404(Campaign.objects.select_related("saved_audience"), pk=campaign_id)
    may_act = request.user.has_perm(_CHANGE)
    return framed(
        request,
        "campaigns/page.html",
        title=campaign.name,
        campaign=campaign,
        parts=_parts(campaign),
        variants=[(variant, _phones(variant)) for variant in _variants(campaign)],
        actions=[name for name, action in ACTIONS.items() if may_act and campaign.state in action.states],
        may_edit=may_act and campaign.state == State.DRAFT,
        is_moving=campaign.state in MOVING,
        **(_progress(campaign) if campaign.launched_at else {}),
    )


@page(_SEE)
@require_safe
def forecast(request: StaffRequest, campaign_id: int) -> HttpResponse:
    """What a launch would do now, or everything that is in its way: a piece of the page, for it takes a moment."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    try:
        told = lifecycle.forecast(campaign=campaign, now=clock.now())
    except Refusal as refusal:
        return render(request, "campaigns/forecast.html", {"refusal": str(refusal)})
    reasons = audiences.reasons(told.counts)
    return render(request, "campaigns/forecast.html", {"forecast": told, "reasons": reasons, "campaign": campaign})


@page(_SEE)
@require_safe
def progress(request: StaffRequest, campaign_id: int) -> HttpResponse:
    """How far it is; when its state is another than the page knows, the page comes anew."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    if request.GET.get("state") != campaign.state:
        return HttpResponseClientRefresh()
    context = {"campaign": campaign, "is_moving": campaign.state in MOVING, **_progress(campaign)}
    return render(request, "campaigns/progress.html", context)


def _what_launching_does(campaign: Campaign) -> str:
    """Raises Refusal when it cannot be launched."""
    told = lifecycle.forecast(campaign=campaign, now=clock.now())
    return _(
        "About %(messages)s members get a message, %(segments)s segments, from %(starts)s on. It can be paused and"
        " cancelled; its audience, offers and texts can no longer be changed."
    ) % {
        "messages": localize(told.counts.reachable, use_l10n=True),
        "segments": localize(told.segments, use_l10n=True),
        "starts": instant(max(campaign.starts_at, clock.now())),
    }


_action = partial(StateAction, wrong_state=lifecycle.CampaignStateRefusal)
ACTIONS = {
    "launch": _action(
        operation=lifecycle.launch, states=(State.DRAFT,), does=gettext_lazy("Launch"), what=_what_launching_does
    ),
    "pause": _action(
        operation=lifecycle.pause,
        states=(State.SCHEDULED, State.RUNNING),
        does=gettext_lazy("Pause"),
        what=gettext_lazy("Nothing more of it leaves until it is resumed. What the network has is delivered."),
    ),
    "resume": _action(
        operation=lifecycle.resume,
        states=(State.PAUSED,),
        does=gettext_lazy("Resume"),
        what=gettext_lazy("It goes on where it stood; nobody gets it twice."),
    ),
    "cancel": _action(
        operation=lifecycle.cancel,
        states=(State.DRAFT, *MOVING),
        does=gettext_lazy("Cancel the campaign"),
        what=gettext_lazy("It ends now, and messages that have not left are cancelled. This cannot be undone."),
        is_dangerous=True,
    ),
}


@page(_SEE, _CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def act(request: StaffRequest, campaign_id: int, name: str) -> HttpResponse:
    """Launch, pause, resume or cancel it."""
    if name not in ACTIONS:
        raise Http404
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    return ACTIONS[name].run(request, back=reverse("campaign:page", args=[campaign.pk]), campaign=campaign)


def _variants(campaign: Campaign) -> list[Variant]:
    return list(campaign.variants.select_related("offer__category", "offer__partner").order_by("offer_id", "label"))


def _phones(variant: Variant) -> list[preview.MessagePreview]:
    """The offer's message with the variant's own texts in it; nothing is saved."""
    offer = variant.offer
    for code in LANGUAGES:
        setattr(offer, f"text_{code}", getattr(variant, f"text_{code}") or getattr(offer, f"text_{code}"))
    return preview.of_offer(offer)


def _parts(campaign: Campaign) -> list[tuple[str, str]]:
    """What was decided about it, in words."""
    return [
        (_("audience"), _sentence(campaign)),
        (_("channels, in order"), _(", else ").join(str(Channel(code).label) for code in campaign.channels)),
        (_("starts"), instant(campaign.starts_at)),
        (_("ends"), instant(campaign.ends_at)),
        (_("pace"), _pace(campaign)),
        (_("what cannot leave by 21:00"), _("leaves the next day") if campaign.is_carried else _("expires")),
        (_("holdout"), f"{campaign.holdout} %"),
        (_("exploration"), f"{campaign.exploration} %"),
        (_("made by"), f"{campaign.created_by}, {instant(campaign.created_at)}"),
        *(
            [(_("launched by"), f"{campaign.launched_by}, {instant(campaign.launched_at)}")]
            if campaign.launched_at
            else []
        ),
        *([(_("finished at"), instant(campaign.finished_at))] if campaign.finished_at else []),
    ]


def _sentence(campaign: Campaign) -> str:
    """The audience in words, or why it cannot be read any more."""
    try:
        return in_words(definition.parse(campaign.audience))
    except Refusal as refusal:
        return str(refusal)


def _pace(campaign: Campaign) -> str:
    fastest = (
        _("%(rate)s messages a minute") % {"rate": campaign.rate_per_minute}
        if campaign.rate_per_minute
        else _("as fast as the network takes them")
    )
    if campaign.daily_budget is None:
        return fastest
    return _("%(pace)s, at most %(budget)s a day") % {"pace": fastest, "budget": campaign.daily_budget}


def _progress(campaign: Campaign) -> dict[str, Any]:
    """Members gone through, and what became of the messages made."""
    gone = round(100 * campaign.watermark / campaign.watermark_end) if campaign.watermark_end else 0
    states = cache.get_or_set(f"campaign_states:{campaign.pk}", lambda: _states(campaign), _FRESH_SECONDS) or []
    names = dict(Message.State.choices)
    ended = sum(count for state, _why, count in states if state in Message.FINAL)
    made = sum(count for _state, _why, count in states)
    return {
        "gone": min(gone, 100),
        "made": made,
        "ended": ended,
        "ended_share": round(100 * ended / made) if made else 0,
        "states": [(names.get(state, state), kinds.WHY.get(why, why), count) for state, why, count in states],
    }


def _states(campaign: Campaign) -> list[tuple[str, str, int]]:
    """(state, reason, how many) of its messages, most first, from the months it has run in."""
    assert campaign.launched_at is not None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, why, count(*) FROM messaging_message WHERE campaign = %s AND stream_id = %s AND month >= %s"
            " GROUP BY 1, 2 ORDER BY 3 DESC",
            [campaign.pk, campaign.stream_id, astana.month_of(campaign.launched_at)],
        )
        return list(cursor.fetchall())
