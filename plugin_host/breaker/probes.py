"""The one run that shows whether a plugin that the breaker paused works again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from core.logging import get_logger
from core.scope import require_tenant
from plugin_host.models.settings import PluginSettings, PluginState

logger = get_logger(__name__)


def take_probe(plugin_id: str, *, hold_seconds: float, now: datetime | None = None) -> bool:
    """Say whether the caller's next run of a plugin may go ahead as the probe, for the tenant in scope.

    Ask before a run of a plugin whose `TenantPlugin.is_half_open`; on False, do as if it were paused. Among all
    processes one gets the turn, and loses it with the end of its run or after `hold_seconds`.
    """
    now = now or timezone.now()
    taken = (
        _half_open(plugin_id, now)
        .exclude(probe_until__gt=now)
        .update(probe_until=now + timedelta(seconds=hold_seconds))
    )
    if taken:
        logger.info(
            "Breaker half-open: plugin %s is tried with one run.",
            plugin_id,
            extra={
                "breaker": {"state": "half_open", "plugin": plugin_id, "tenant": require_tenant().tenant_id}
            },
        )
    return bool(taken)


def release_probe(plugin_id: str) -> None:
    """Give the turn to somebody else: the probe came to nothing that says anything about the plugin."""
    _half_open(plugin_id, timezone.now()).update(probe_until=None)


def _half_open(plugin_id: str, now: datetime) -> Any:
    return PluginSettings.objects.filter(
        plugin_id=plugin_id, state=PluginState.PAUSED, paused_by_breaker=True, paused_until__lte=now
    )
