"""Partners, offers and campaigns in the back office (P1)."""

from campaigns.admin import campaigns, offers, partners

__all__ = ["campaigns", "offers", "partners"]  # each registers its own
