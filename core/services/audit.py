"""The audit log: who did what in the administration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from core.models import AuditEntry
from core.scope import require_tenant

MAX_SUMMARY_CHARACTERS = 500


def record_audit(
    *,
    action: str,
    target_type: str = "",
    target_id: UUID | str = "",
    summary: str = "",
    detail: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Write down that the actor in scope did something; join the caller's transaction where there is one.

    Args:
        action: `<thing>.<done>`, such as `member.added`.
        summary: What a reader of the log sees of the thing: its title or name.
        detail: What a reader may need to know more; never a secret.

    Raises:
        NoScope: There is no tenant in scope.
    """
    scope = require_tenant()
    entry: AuditEntry = AuditEntry.objects.create(
        actor=scope.actor.reference[:120],
        actor_label=scope.actor.label[:254],
        action=action,
        target_type=target_type,
        target_id=str(target_id),
        summary=summary[:MAX_SUMMARY_CHARACTERS],
        detail=dict(detail or {}),
        correlation_id=scope.correlation_id,
    )
    return entry
