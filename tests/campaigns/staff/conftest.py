"""Fixtures of other rooms that these tests use."""

from tests.bonuses.conftest import make_member
from tests.campaigns.conftest import make_offer, partner
from tests.staff import at_noon, staff

__all__ = ["at_noon", "make_member", "make_offer", "partner", "staff"]
