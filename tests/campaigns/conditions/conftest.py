"""Members of a partner's campaigns."""

from tests.bonuses.conftest import make_member

__all__ = ["make_member"]
