"""Fixtures of surveys, whose questions are asked in dialogs and calls."""

from tests.surveys.conftest import make_member, make_survey

__all__ = ["make_member", "make_survey"]
