"""What the bonus tells about a member, for audiences."""

from django.utils.translation import gettext_lazy as _

from enrollment.audience import traits
from enrollment.audience.traits import Trait

GROUP = _("bonus")
# A monthly bonus is activated in its own month or never (grant_activated_in_its_month).
_ACTIVATED = """
EXISTS (SELECT FROM bonuses_grant g WHERE g.month = {month} AND g.subscriber_id = s.id AND g.kind = 'monthly'
        AND g.activated_at IS NOT NULL)
"""


def register() -> None:
    """Let audiences ask for them."""
    for code, label, month in (
        ("activated_last_month", _("activated the bonus last month"), "%(last_month)s"),
        ("activated_this_month", _("activated the bonus this month"), "%(this_month)s"),
    ):
        traits.register(Trait(code, label, GROUP, _ACTIVATED.format(month=month)))
