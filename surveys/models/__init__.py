"""Surveys: what is asked, whom, and what was answered."""

from surveys.models.answers import Answer, Invitation, Response
from surveys.models.questions import Choice, Question, Version
from surveys.models.results import Export, PublishedResult
from surveys.models.surveys import Quota, Survey

__all__ = [
    "Answer", "Choice", "Export", "Invitation", "PublishedResult", "Question", "Quota", "Response", "Survey", "Version",
]  # fmt: skip
