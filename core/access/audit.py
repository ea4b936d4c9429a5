"""The audit trail: who did or looked at what, when and why."""

from datetime import datetime
from typing import Any

from core.access.actions import ACTIONS
from core.access.models import AuditEvent


def record(
    *,
    by: str,
    action: str,
    now: datetime,
    subject: str = "",
    reason: str = "",
    details: dict[str, Any] | None = None,
) -> AuditEvent:
    """Append an event; `subject` is "subscriber:42", `by` is "care:aigul", never a number in either.

    Raises ValueError: for an action that core.access.actions does not name.
    """
    if action not in ACTIONS:
        raise ValueError(f"no action of the audit trail: {action}")
    return AuditEvent.objects.create(
        at=now, by=by, action=action, subject=subject, reason=reason, details=details or {}
    )
