"""Surveys: what is asked, whom, and what was answered."""

from surveys.models.answers import Answer, Invitation, Response
from surveys.models.questions import Choice, Question, Version
from surveys.models.surveys import Quota, Survey

__all__ = ["Answer", "Choice", "Invitation", "Question", "Quota", "Response", "Survey", "Version"]
