"""Where a member stands in a survey, as a screen: the question that waits, or the last words."""

from django.utils import translation
from django.utils.translation import gettext as _

from core.lib import astana, gsm
from surveys.questionnaire import wording
from surveys.responses.answering import Position


def screen(standing: Position) -> str:
    """The question that waits, as it is shown, with what was wrong with the last key.

    Where 0 is an answer it cannot turn a page: a hint that there is no room for is left out.
    """
    assert standing.item is not None
    with translation.override(standing.language):
        hint = str(standing.hint)
    hinted = wording.screen(standing.item, standing.language, is_first=standing.is_first, hint=hint)
    if hint and not gsm.fits_ussd(hinted) and standing.item.low is not None and standing.item.low <= 0:
        return wording.screen(standing.item, standing.language, is_first=standing.is_first)
    return hinted


def ending(standing: Position) -> str:
    """The last words of a survey, with the reward (B11)."""
    with translation.override(standing.language):
        words = {
            "completed": _("Thank you for your answers!"),
            "screened_out": _("Thank you! This survey is for others this time."),
            "full": _("Thank you! Enough members like you have answered by now."),
        }[standing.ended]
        if not standing.units:
            return words
        if standing.lapses_at is None:
            return f"{words} " + _("Your reward: %(units)s units.") % {"units": standing.units}
        return f"{words} " + _("Your reward: %(units)s units until %(lapse)s.") % {
            "units": standing.units,
            "lapse": f"{standing.lapses_at.astimezone(astana.ZONE):%d.%m %H:%M}",
        }
