"""What a tenant wanted of its plugins at some time, read from the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from core.models import AuditEntry
from plugin_host.selectors.explain.values import StateThen
from plugin_host.state import TenantPlugin

_STATE_AFTER: Final[Mapping[str, str]] = {
    "plugin.enabled": "enabled",
    "plugin.disabled": "disabled",
    "plugin.paused": "paused",
    "plugin.resumed": "enabled",
    "plugin.uninstalled": "available",
}
# What a plugin must have been before the first change that anybody wrote down.
_STATE_BEFORE: Final[Mapping[str, str]] = {
    "plugin.enabled": "available",
    "plugin.paused": "enabled",
    "plugin.resumed": "paused",
}


class PastStates:
    """The states of all plugins of the tenant in scope at one moment; two queries."""

    def __init__(self, moment: datetime) -> None:
        changes = AuditEntry.objects.filter(target_type="plugin", action__in=[*_STATE_AFTER])
        before = changes.filter(at__lte=moment).order_by("target_id", "-at", "-id").distinct("target_id")
        after = changes.filter(at__gt=moment).order_by("target_id", "at", "id").distinct("target_id")
        self._before: dict[str, AuditEntry] = {entry.target_id: entry for entry in before}
        self._after: dict[str, AuditEntry] = {entry.target_id: entry for entry in after}

    def of(self, plugin_id: str, now: TenantPlugin | None) -> StateThen:
        """Return what a plugin was then.

        Args:
            now: What it is now; it has been so for ever where nobody wrote down a change.
        """
        last, following = self._before.get(plugin_id), self._after.get(plugin_id)
        state = ""
        if last is not None:
            state = _STATE_AFTER[last.action]
        elif following is not None:
            state = _STATE_BEFORE.get(following.action, "")
        elif now is None or now.in_process_only:
            state = "available"
        else:
            state = str(now.state)
        return StateThen(
            state=state,
            since=last.at if last is not None else None,
            by=last.actor_label if last is not None else "",
            changed_at=following.at if following is not None else None,
            changed_to=_STATE_AFTER[following.action] if following is not None else "",
            changed_by=following.actor_label if following is not None else "",
        )
