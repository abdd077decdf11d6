"""Taking away old runs, so that the history of each item stays short."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from core.platform_work import PlatformWork
from core.scope import platform_scope

KEPT_RUNS: Final = 200
KEPT_FOR: Final = timedelta(days=90)
_BATCH: Final = 5_000


def delete_old_runs(*, now: datetime | None = None) -> int:
    """Delete ended runs beyond the last 200 of their item, and those that ended 90 days ago, with their attempts.

    Items that were retired as long ago go with their last run. Safe to repeat and to run twice at once.

    Returns:
        How many runs were deleted.
    """
    values: dict[str, Any] = {
        "kept": KEPT_RUNS,
        "before": (now or timezone.now()) - KEPT_FOR,
        "batch": _BATCH,
    }
    deleted = 0
    with platform_scope(PlatformWork.CLEAN_UP), connection.cursor() as cursor:
        while True:
            cursor.execute(_DELETE_RUNS, values)
            count = int(cursor.fetchone()[0])
            deleted += count
            if count < _BATCH:
                break
        cursor.execute(_DELETE_ITEMS, values)
    return deleted


# What `once(key)` has claimed is single within its run, so it goes with it. Attempts go by their foreign key.
_DELETE_RUNS: Final = """
WITH old AS (
    (SELECT r.id FROM plugin_host_scheduleditem i CROSS JOIN LATERAL (
        SELECT r.id FROM plugin_host_scheduledrun r
        WHERE r.tenant_id = i.tenant_id AND r.item_id = i.id AND r.status = 'ended'
        ORDER BY r.slot DESC OFFSET %(kept)s
    ) r LIMIT %(batch)s)
  UNION
    (SELECT id FROM plugin_host_scheduledrun WHERE status = 'ended' AND finished_at < %(before)s LIMIT %(batch)s)
    LIMIT %(batch)s
), gone AS (
    DELETE FROM plugin_host_scheduledrun r USING old WHERE r.id = old.id AND r.status = 'ended'
    RETURNING r.id, r.tenant_id, r.plugin
), claimed AS (
    DELETE FROM plugin_host_oncekey k USING gone
    WHERE k.tenant_id = gone.tenant_id AND k.plugin = gone.plugin AND k.once_scope = 'run:' || gone.id
)
SELECT count(*) FROM gone
"""
_DELETE_ITEMS: Final = """
DELETE FROM plugin_host_scheduleditem i
WHERE i.retired_at < %(before)s AND NOT EXISTS (SELECT FROM plugin_host_scheduledrun r WHERE r.item_id = i.id)
"""
