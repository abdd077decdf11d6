"""How long results of health checks are kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.utils import timezone

from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.deliveries.partitions import first_key_of

KEPT: Final = timedelta(days=30)
# Of each check and target: a week at one result a minute.
MAX_RESULTS: Final = 10_000


def delete_old_results(*, now: datetime | None = None, most: int = MAX_RESULTS) -> int:
    """Delete the results of all tenants that are too old or too many; safe to repeat and to run twice at once.

    Args:
        most: How many of each check and target are kept.
    """
    first = first_key_of((now or timezone.now()) - KEPT)
    with platform_scope(PlatformWork.CLEAN_UP), connection.cursor() as cursor:
        # The key begins with the time of its making.
        cursor.execute("DELETE FROM plugin_host_healthresult WHERE id < %s", [first])
        deleted = cursor.rowcount
        cursor.execute(_DELETE_SURPLUS, {"most": most})
        return int(deleted + cursor.rowcount)


# For each series the newest result that is one too many, along the index; what has no verdict any more goes by age.
_DELETE_SURPLUS = """
WITH surplus AS (
    SELECT v.tenant_id, v.plugin, v.check_id, v.target, r.id
    FROM plugin_host_healthverdict v
    CROSS JOIN LATERAL (
        SELECT r.id FROM plugin_host_healthresult r
        WHERE r.tenant_id = v.tenant_id AND r.plugin = v.plugin AND r.check_id = v.check_id AND r.target = v.target
        ORDER BY r.id DESC OFFSET %(most)s LIMIT 1
    ) r
)
DELETE FROM plugin_host_healthresult r USING surplus s
WHERE r.tenant_id = s.tenant_id AND r.plugin = s.plugin AND r.check_id = s.check_id AND r.target = s.target
  AND r.id <= s.id
"""
