"""What `plugin_host.runtime` does inside the host: rows of the running plugin and tenant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils import timezone

from core.scope import require_tenant
from plugin_host.hooks.seo_metrics import AppliedLearning, DiscoveredPattern, SEOMetricsPayload
from plugin_host.models.delivery import DeliveryAttempt
from plugin_host.models.runtime import OnceKey, StoreEntry
from plugin_host.models.schedule import ScheduledAttempt
from plugin_host.runtime_state import PluginRun
from plugin_host.scheduling.requests import request_run
from plugin_host.seo.learning import apply_learning
from plugin_host.seo.receiving import receive_metrics


class DatabaseBackend:
    """Implements `plugin_host.runtime.RuntimeBackend`; row-level security keeps tenants apart, `run` keeps plugins."""

    def once(self, run: PluginRun, key: str) -> bool:
        """Claim an effect; the row that wins is the one that was made."""
        row = OnceKey(plugin=run.plugin_id, once_scope=_once_scope(run), key=key)
        OnceKey.objects.bulk_create([row], ignore_conflicts=True)
        return bool(OnceKey.objects.filter(pk=row.pk).exists())

    def progress(self, run: PluginRun, done: int, total: int | None) -> None:
        """Write how far the attempt at a delivery or a scheduled run has come; elsewhere nobody looks."""
        if run.execution_id is not None:
            ScheduledAttempt.objects.filter(pk=run.execution_id, finished_at=None).update(
                progress_done=done, progress_total=total
            )
        if run.delivery_id is None:
            return
        DeliveryAttempt.objects.filter(
            delivery_id=run.delivery_id, id__gte=run.delivery_id, finished_at=None
        ).update(progress_done=done, progress_total=total)

    def request_run(self, run: PluginRun, task_id: str, after_seconds: float) -> bool:
        """Have a task run soon."""
        return request_run(run.plugin_id, task_id, after_seconds)

    def store_get(self, run: PluginRun, key: str) -> str | None:
        """Read a value."""
        found: str | None = (
            StoreEntry.objects.filter(plugin=run.plugin_id, key=key).values_list("value", flat=True).first()
        )
        return found

    def store_set(self, run: PluginRun, key: str, value: str) -> None:
        """Write a value, in one statement."""
        StoreEntry.objects.bulk_create(
            [StoreEntry(plugin=run.plugin_id, key=key, value=value, updated_at=timezone.now())],
            update_conflicts=True,
            unique_fields=["tenant", "plugin", "key"],
            update_fields=["value", "updated_at"],
        )

    def store_delete(self, run: PluginRun, key: str) -> bool:
        """Drop a value."""
        deleted, _ = StoreEntry.objects.filter(plugin=run.plugin_id, key=key).delete()
        return deleted > 0

    def store_keys(self, run: PluginRun, prefix: str) -> list[str]:
        """List keys."""
        found = StoreEntry.objects.filter(plugin=run.plugin_id, key__startswith=prefix)
        return sorted(found.values_list("key", flat=True))

    def emit_seo_metrics(self, run: PluginRun, payload: SEOMetricsPayload) -> None:
        """Feed metrics into the pipeline."""
        receive_metrics(run.plugin_id, payload)

    def apply_learning(
        self,
        run: PluginRun,
        pattern: DiscoveredPattern | str,
        content_id: UUID | str,
        change: Mapping[str, Any],
        expected_version: int | None,
    ) -> AppliedLearning:
        """Change a record because of a pattern."""
        return apply_learning(run.plugin_id, pattern, content_id, change, expected_version=expected_version)


def _once_scope(run: PluginRun) -> str:
    if run.once_scope:
        return run.once_scope
    if run.delivery_id is not None:
        return f"delivery:{run.delivery_id}"
    # Outside of a delivery there is no attempt to repeat: what is single, is so for the tenant and the plugin.
    tenant_id: UUID | None = require_tenant().tenant_id
    return f"tenant:{tenant_id}"
