"""Whom to invite, in SQL; and what an invitation says, by channel and language."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from core.lib import gsm
from core.lib.astana import years_before
from enrollment.models import Channel
from messaging import texts
from surveys.models import Quota, Survey

START_KEY, LATER_KEY = "1", "2"

# Is the member's group open? NULL: he is of no group. The first quota that fits is his, as answering says.
CELL = """
SELECT c.is_open FROM unnest(%(c_place)s::int[], %(c_town)s::bigint[], %(c_born_by)s::date[], %(c_born_after)s::date[],
                             %(c_gender)s::text[], %(c_open)s::bool[])
       AS c (place, town, born_by, born_after, gender, is_open)
WHERE (c.town IS NULL OR c.town = s.town_id) AND (c.gender = '' OR c.gender = s.gender)
  AND (c.born_by IS NULL OR s.birth_date <= c.born_by) AND (c.born_after IS NULL OR s.birth_date > c.born_after)
ORDER BY c.place LIMIT 1
"""


def cells(quotas: Sequence[Quota], today: date) -> dict[str, Any]:
    """CELL's parameters."""
    return {
        "c_place": list(range(len(quotas))),
        "c_town": [quota.town_id for quota in quotas],
        "c_born_by": [None if quota.age_from is None else years_before(today, quota.age_from) for quota in quotas],
        "c_born_after": [None if quota.age_to is None else years_before(today, quota.age_to + 1) for quota in quotas],
        "c_gender": [quota.gender for quota in quotas],
        "c_open": [not quota.is_full for quota in quotas],
    }


_CHANNEL = """
(SELECT ch.name FROM unnest(%(channels)s::text[], %(bits)s::int[]) WITH ORDINALITY AS ch (name, bit, place)
 WHERE m.consents & ch.bit <> 0 ORDER BY ch.place LIMIT 1)
"""
_SAID = """
said AS MATERIALIZED (
    SELECT * FROM unnest(%(t_channel)s::text[], %(t_language)s::text[], %(t_text)s::text[], %(t_encoding)s::text[],
                         %(t_segments)s::int[]) AS t (channel, language, text, encoding, segments)
)
"""
_TO_SEND = """
to_send AS (
    SELECT c.subscriber_id, c.channel, t.text, t.language, t.encoding, t.segments,
           %(not_after)s::timestamptz AS not_after, '{reason}'::text AS reason
    FROM chosen c JOIN said t ON t.channel = c.channel AND t.language = c.language
    WHERE (c.subscriber_id IN (SELECT subscriber_id FROM asked)) IS TRUE
)
"""
INVITE = f"""
{_SAID}, chosen AS MATERIALIZED (
    SELECT s.id AS subscriber_id, s.language, {_CHANNEL} AS channel {{people}}
), asked AS (
    INSERT INTO surveys_invitation (survey_id, subscriber_id, channel, invited_at)
    SELECT %(survey)s, subscriber_id, channel, %(now)s FROM chosen
    ON CONFLICT (survey_id, subscriber_id) DO NOTHING RETURNING subscriber_id
), {_TO_SEND.format(reason="survey")}
"""
TO_REMIND = """
JOIN surveys_invitation i ON i.survey_id = %(survey)s AND i.subscriber_id = s.id AND i.reminded_at IS NULL
    AND i.invited_at <= %(asked_before)s
    AND NOT EXISTS (SELECT FROM surveys_response r WHERE r.survey_id = %(survey)s AND r.subscriber_id = s.id
                    AND r.state <> 'started')
"""
REMIND = f"""
{_SAID}, chosen AS MATERIALIZED (
    SELECT s.id AS subscriber_id, s.language, {_CHANNEL} AS channel {{people}} ORDER BY i.invited_at LIMIT %(limit)s
), asked AS (
    UPDATE surveys_invitation i SET reminded_at = %(now)s FROM chosen
    WHERE i.survey_id = %(survey)s AND i.subscriber_id = chosen.subscriber_id AND i.reminded_at IS NULL
    RETURNING i.subscriber_id
), {_TO_SEND.format(reason="survey_reminder")}
"""


def worded(survey: Survey, units: int) -> list[tuple[str, str, str]]:
    """What is said: (channel, language, text) for each of the survey's. Raises texts.BadText."""
    return [
        (channel, language, text(survey, Channel(channel), language, units))
        for channel in survey.channels
        for language in survey.languages
    ]


def text(survey: Survey, channel: Channel, language: str, units: int) -> str:
    """One invitation: marketing's words or the usual ones, and how to answer by this channel. Raises texts.BadText."""
    with translation.override(language):
        own = getattr(survey, f"invitation_{language}").strip()
        usual = _('SMART survey "{title}": {units} units for your answers.')
        said = texts.fill(own or usual, {"title": survey.title(language), "units": units})
        said = f"{said}{_how(survey, channel)}"
    return texts.check(said)


def _how(survey: Survey, channel: Channel) -> str:
    if channel == Channel.SMS:
        return " " + _("Dial %(code)s") % {"code": survey.code}
    if channel == Channel.USSD:
        return f"\n{START_KEY} {_('Begin')}\n{LATER_KEY} {_('Later')}"
    return " " + _("To begin, press %(key)s.") % {"key": START_KEY}


def fits(said: str) -> bool:
    """True when a pushed invitation fits one screen."""
    return gsm.fits_ussd(said)
