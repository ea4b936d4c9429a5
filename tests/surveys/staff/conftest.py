"""Fixtures of other rooms that these tests use."""

from tests.campaigns.conftest import partner
from tests.staff import staff

__all__ = ["partner", "staff"]
