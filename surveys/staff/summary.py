"""A survey told: what was decided about it, what an invitation says, how far it is; in words, for its page."""

from typing import Any

from django.core.cache import cache
from django.db.models import Count
from django.utils.translation import gettext as _

from bonuses import lifecycle as bonuses
from core.lib import clock, segments
from core.lib.errors import Refusal
from core.lib.languages import LANGUAGES
from core.staff.dates import instant
from enrollment.audience import definition
from enrollment.audience.words import in_words
from enrollment.models import Channel, Language
from messaging import texts
from messaging.models import Message
from surveys.fieldwork import inviting, lifecycle
from surveys.models import Quota, Response, Survey
from surveys.staff import preview

_FRESH_SECONDS = 5  # however many look on, answers are counted this often


def parts(survey: Survey) -> list[tuple[str, str]]:
    """What was decided about it, name by name."""
    return [
        (_("audience"), _sentence(survey)),
        (_("languages asked in"), ", ".join(str(Language(code).label) for code in survey.languages)),
        (_("titles"), " · ".join(filter(None, (getattr(survey, f"title_{code}") for code in LANGUAGES))) or "—"),
        (_("channels, in order"), _(", else ").join(str(Channel(code).label) for code in survey.channels)),
        (_("starts"), instant(survey.starts_at)),
        (_("ends"), instant(survey.ends_at)),
        (_("pace"), _pace(survey)),
        (_("reminder"), _reminder(survey)),
        (_("reward"), _reward(survey)),
        (_("whose group fills up meanwhile"), _("is rewarded") if survey.rewards_full else _("is not rewarded")),
        (_("suspiciously fast"), _("under %(seconds)s s a question") % {"seconds": f"{survey.fast_seconds:g}"}),
        (_("sponsor"), _sponsor(survey)),
        (_("code to dial"), survey.code),
        (_("made by"), f"{survey.created_by}, {instant(survey.created_at)}"),
        *([(_("launched by"), f"{survey.launched_by}, {instant(survey.launched_at)}")] if survey.launched_at else []),
        *([(_("finished at"), instant(survey.finished_at))] if survey.finished_at else []),
    ]


def _sentence(survey: Survey) -> str:
    """The audience in words, or why it cannot be read any more."""
    try:
        return in_words(definition.parse(survey.audience))
    except Refusal as refusal:
        return str(refusal)


def _pace(survey: Survey) -> str:
    if survey.rate_per_minute:
        return _("%(rate)s messages a minute") % {"rate": survey.rate_per_minute}
    return _("as fast as the network takes them")


def _reminder(survey: Survey) -> str:
    if survey.remind_after_days:
        return _("once, after %(days)s days") % {"days": survey.remind_after_days}
    return _("nobody is reminded")


def _reward(survey: Survey) -> str:
    try:
        units = lifecycle.units_of(survey, clock.now())
    except bonuses.NoTerms as refusal:
        return str(refusal)
    if survey.reward_units:
        return _("%(units)s units") % {"units": units}
    return _("%(units)s units, as the terms in force say") % {"units": units}


def _sponsor(survey: Survey) -> str:
    return survey.sponsor.name if survey.sponsor else _("nobody: the survey is our own")


def invitations(survey: Survey) -> list[dict[str, Any]]:
    """What each channel's readers get, with how much room it takes; what cannot be sent says why."""
    found = []
    try:
        units = lifecycle.units_of(survey, clock.now())
    except bonuses.NoTerms:
        units = 0
    for channel in survey.channels:
        for code in survey.languages:
            one: dict[str, Any] = {"language": code, "name": f"{Channel(channel).label}, {Language(code).label}"}
            try:
                one["text"] = text = inviting.text(survey, Channel(channel), code, units)
                encoding, count = segments.measure(text)
                one |= {"encoding": preview.ENCODINGS.get(encoding, encoding), "characters": len(text)}
                one |= {"segments": count} if channel == Channel.SMS else {}
                if channel == Channel.USSD:
                    one["screen"] = preview.measured(text)
            except texts.BadText as wrong:
                one["wrong"] = str(wrong)
            found.append(one)
    return found


# -- how far it is


def progress(survey: Survey) -> dict[str, Any]:
    """Members gone through, what became of the invitations, how far those who answer came."""
    gone = round(100 * survey.watermark / survey.watermark_end) if survey.watermark_end else 0
    key = f"survey_progress:{survey.pk}"
    counted: tuple[dict[str, int], dict[str, int]] | None = cache.get(key)
    if counted is None:
        counted = (_sent(survey), _come(survey))
        cache.set(key, counted, _FRESH_SECONDS)
    sent, come = counted
    names = dict(Message.State.choices)
    begun = sum(come.values())
    return {
        "gone": min(gone, 100),
        "sent": sorted(((names.get(state, state), count) for state, count in sent.items()), key=lambda one: -one[1]),
        "begun": begun,
        "come": [(label, come.get(state, 0)) for state, label in _come_names() if come.get(state) or state != "full"],
    }


def _come_names() -> list[tuple[str, str]]:
    return [
        (Response.State.COMPLETED, _("answered to the end")),
        (Response.State.SCREENED_OUT, _("not eligible")),
        (Response.State.FULL, _("its group was full")),
        (Response.State.STARTED, _("begun, not ended")),
    ]


def _sent(survey: Survey) -> dict[str, int]:
    return lifecycle.invitations_by_state(survey, clock.now())


def _come(survey: Survey) -> dict[str, int]:
    found = Response.objects.filter(survey=survey).order_by().values("state").annotate(count=Count("*"))
    return {one["state"]: one["count"] for one in found}


def quotas(survey: Survey) -> list[dict[str, Any]]:
    """Each kind of people in words, with how many answers are wanted and there."""
    return [
        {
            "id": quota.pk,
            "name": _kind(quota),
            "wanted": quota.wanted,
            "taken": quota.taken,
            "share": round(100 * quota.taken / quota.wanted),
            "is_full": quota.is_full,
        }
        for quota in survey.quotas.select_related("town")
    ]


def _kind(quota: Quota) -> str:
    parts = [str(quota.town)] if quota.town else []
    if quota.age_from is not None and quota.age_to is not None:
        parts.append(f"{quota.age_from}–{quota.age_to}")
    elif quota.age_from is not None:
        parts.append(f"{quota.age_from}+")
    elif quota.age_to is not None:
        parts.append(_("up to %(age)s years") % {"age": quota.age_to})
    if quota.gender:
        parts.append(str(quota.get_gender_display()))
    return ", ".join(parts) or _("everybody")
