"""Polite ends: what is said when a request is not acted upon."""

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from smart.ussd.request import Reply


def lost(language: str) -> Reply:
    """The session is unknown, over, another's, or out of order."""
    with translation.override(language):
        return Reply(_("This session is over. Dial *555# again."), is_over=True)


def foreign() -> Reply:
    """The number is not a mobile number of Kazakhstan, so no language of its owner is known."""
    with translation.override(settings.LANGUAGE_CODE):
        return Reply(_("SMART is for activ numbers only."), is_over=True)


def farewell() -> Reply:
    """The answer to a gateway that only reports a session's end; no subscriber reads it."""
    return lost(settings.LANGUAGE_CODE)


def try_again() -> Reply:
    """There was no time to do what was asked; nothing was done."""
    with translation.override(settings.LANGUAGE_CODE):
        return Reply(_("SMART is busy. Please try again in a minute."), is_over=True)
