"""Leasing due runs to a worker process.

One statement picks rows, leases them and writes the row of each attempt, as with deliveries. The clock is the
database's; only what is due is decided elsewhere (see `due`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from core.ids import uuid7
from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.worker.source import ClaimRequest, PluginShares

# How many due runs are looked at for those that are taken.
_CANDIDATES: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClaimedRun:
    """One leased run with its item and its tenant, complete, so that it needs no further query.

    Args:
        token: The lease, which is the id of the attempt: the `execution_id`.
        attempt: The attempt's number, from 1.
        failures: How many attempts before this one failed by themselves.
        definition: The item's, as JSON.
        is_wanted: Whether the item is still there and switched on.
    """

    id: UUID
    token: UUID
    tenant_id: UUID
    tenant_slug: str
    tenant_plan: str
    plugin: str
    kind: str
    item_uuid: UUID
    item_id: str
    target: str
    definition: Mapping[str, Any]
    is_retired: bool
    is_switched_off: bool
    slot: datetime
    reason: str
    attempt: int
    failures: int
    crashes: int


def claim_runs(request: ClaimRequest, *, full_kinds: Sequence[str] = ()) -> list[ClaimedRun]:
    """Lease up to `request.limit` due runs of all tenants, fewest running tenants first.

    Runs of one item never run beside each other, and those of a paused plugin wait.

    Args:
        full_kinds: Kinds of which the process runs as many as it may.
    """
    of_tenant = Counter(tenant_id for tenant_id, _ in request.running)
    of_pair = Counter(request.running)
    slow = set(request.slow)
    limits = request.limits
    full_pairs = [
        pair
        for pair, running in of_pair.items()
        if running >= (limits.per_slow_plugin if pair in slow else limits.per_plugin)
    ]
    parameters: dict[str, Any] = {
        "limit": request.limit,
        "candidates": _CANDIDATES,
        "worker": request.worker,
        "lease": request.lease_seconds,
        "tokens": [uuid7() for _ in range(request.limit)],
        "per_tenant": limits.per_tenant,
        "per_plugin": limits.per_plugin,
        "per_slow": limits.per_slow_plugin,
        "full_tenants": [one for one, running in of_tenant.items() if running >= limits.per_tenant],
        "full_pair_tenants": [tenant_id for tenant_id, _ in full_pairs],
        "full_pair_plugins": [plugin for _, plugin in full_pairs],
        "full_kinds": list(full_kinds),
        "busy_pair_tenants": [tenant_id for tenant_id, _ in of_pair],
        "busy_pair_plugins": [plugin for _, plugin in of_pair],
        "busy_pair_counts": list(of_pair.values()),
        "slow_tenants": [tenant_id for tenant_id, _ in slow],
        "slow_plugins": [plugin for _, plugin in slow],
        "suspects": 1 if request.with_suspect else 0,
        **PluginShares.of(request.running, slow, limits).parameters(limits),
    }
    with platform_scope(PlatformWork.SCHEDULES), connection.cursor() as cursor:
        cursor.execute(CLAIM, parameters)
        return [claimed_run(row) for row in cursor.fetchall()]


def claimed_run(row: Sequence[Any]) -> ClaimedRun:
    """Return a run from its columns, in the order in which `CLAIM` returns them."""
    values = dict(zip(_COLUMNS, row, strict=True))
    if isinstance(values["definition"], str):
        values["definition"] = json.loads(values["definition"])
    return ClaimedRun(**values)


_COLUMNS = (
    "id",
    "token",
    "tenant_id",
    "tenant_slug",
    "tenant_plan",
    "plugin",
    "kind",
    "item_uuid",
    "item_id",
    "target",
    "definition",
    "is_retired",
    "is_switched_off",
    "slot",
    "reason",
    "attempt",
    "failures",
    "crashes",
)

# `candidates` are read along the index of due runs. An item has two open runs at most, so nobody can fill them; who has
# all that it may run in this process is left out before they are counted.
CLAIM = """
WITH busy AS (
    SELECT * FROM unnest(%(busy_pair_tenants)s::uuid[], %(busy_pair_plugins)s::text[], %(busy_pair_counts)s::int[])
        AS b(tenant_id, plugin, running)
), slow AS (
    SELECT * FROM unnest(%(slow_tenants)s::uuid[], %(slow_plugins)s::text[]) AS s(tenant_id, plugin)
), candidates AS (
    SELECT r.id, r.item_id, r.tenant_id, r.plugin, r.next_attempt_at, r.crashes,
           s.state = 'paused' AND s.paused_by_breaker AS is_probing
    FROM plugin_host_scheduledrun r
    JOIN tenants_tenant t ON t.id = r.tenant_id AND t.status = 'active'
    LEFT JOIN plugin_settings s ON s.tenant_id = r.tenant_id AND s.plugin_id = r.plugin
    WHERE r.status = 'pending' AND r.next_attempt_at <= now()
      AND (r.crashes = 0 OR %(suspects)s > 0)
      -- What is paused waits; when the breaker's time is up one run goes ahead as a probe.
      AND (s.state IS DISTINCT FROM 'paused'
           OR (s.paused_until <= now() AND (s.probe_until IS NULL OR s.probe_until <= now())))
      AND r.tenant_id <> ALL (%(full_tenants)s::uuid[])
      AND r.kind <> ALL (%(full_kinds)s::text[])
      AND r.plugin <> ALL (%(share_full)s::text[])
      AND NOT EXISTS (
          SELECT FROM unnest(%(full_pair_tenants)s::uuid[], %(full_pair_plugins)s::text[]) AS f(tenant_id, plugin)
          WHERE f.tenant_id = r.tenant_id AND f.plugin = r.plugin
      )
      AND NOT EXISTS (
          SELECT FROM plugin_host_scheduledrun other
          WHERE other.item_id = r.item_id AND other.status = 'running'
      )
    ORDER BY r.next_attempt_at, r.id
    LIMIT %(candidates)s
), ranked AS (
    SELECT c.*, coalesce(tenant_busy.running, 0) + row_number() OVER of_tenant AS turn,
           coalesce(busy.running, 0) + row_number() OVER of_plugin AS plugin_turn,
           CASE WHEN c.is_probing THEN 1 WHEN slow.plugin IS NULL THEN %(per_plugin)s ELSE %(per_slow)s END
               AS plugin_limit,
           row_number() OVER of_item AS item_turn, row_number() OVER suspects AS suspect_turn
    FROM candidates c
    LEFT JOIN busy ON busy.tenant_id = c.tenant_id AND busy.plugin = c.plugin
    LEFT JOIN slow ON slow.tenant_id = c.tenant_id AND slow.plugin = c.plugin
    LEFT JOIN LATERAL (SELECT sum(b.running) AS running FROM busy b WHERE b.tenant_id = c.tenant_id) tenant_busy ON true
    WINDOW of_tenant AS (PARTITION BY c.tenant_id ORDER BY c.next_attempt_at, c.id),
           of_plugin AS (PARTITION BY c.tenant_id, c.plugin ORDER BY c.next_attempt_at, c.id),
           of_item AS (PARTITION BY c.item_id ORDER BY c.next_attempt_at, c.id),
           suspects AS (PARTITION BY c.crashes > 0 ORDER BY c.next_attempt_at, c.id)
), shared AS (
    SELECT r.id, r.plugin, r.next_attempt_at, r.turn,
           coalesce(b.running, 0) + row_number() OVER (PARTITION BY r.plugin ORDER BY r.turn, r.next_attempt_at, r.id)
               AS share_turn
    FROM ranked r
    LEFT JOIN unnest(%(share_plugins)s::text[], %(share_counts)s::int[]) AS b(plugin, running) USING (plugin)
    WHERE r.turn <= %(per_tenant)s AND r.plugin_turn <= r.plugin_limit AND r.item_turn = 1
      AND (r.crashes = 0 OR r.suspect_turn <= %(suspects)s)
), chosen AS (
    SELECT id FROM shared
    WHERE share_turn <=
        CASE WHEN plugin = ANY (%(share_slow)s::text[]) THEN %(share_half)s ELSE %(share_most)s END
    ORDER BY share_turn > %(share_half)s, turn, next_attempt_at, id LIMIT %(limit)s
), locked AS (
    SELECT r.id FROM plugin_host_scheduledrun r
    WHERE r.id IN (SELECT id FROM chosen) AND r.status = 'pending'
    FOR UPDATE SKIP LOCKED
), numbered AS (
    SELECT id, row_number() OVER () AS place FROM locked
), claimed AS (
    UPDATE plugin_host_scheduledrun r
    SET status = 'running', attempt = r.attempt + 1, lease_token = tokens.token,
        lease_until = now() + make_interval(secs => %(lease)s)
    FROM numbered
    JOIN unnest(%(tokens)s::uuid[]) WITH ORDINALITY AS tokens(token, place) USING (place)
    WHERE r.id = numbered.id
    RETURNING r.*
), attempts AS (
    INSERT INTO plugin_host_scheduledattempt
        (id, tenant_id, run_id, number, worker, outcome, error, log, started_at)
    SELECT lease_token, tenant_id, id, attempt, %(worker)s, 'running', '', '[]', now() FROM claimed
)
SELECT c.id, c.lease_token, c.tenant_id, t.slug, t.plan, c.plugin, c.kind, i.id, i.item_id, i.target, i.definition,
       i.retired_at IS NOT NULL, i.is_switched_off, c.slot, c.reason, c.attempt, c.failures, c.crashes
FROM claimed c
JOIN plugin_host_scheduleditem i ON i.tenant_id = c.tenant_id AND i.id = c.item_id
JOIN tenants_tenant t ON t.id = c.tenant_id
ORDER BY c.next_attempt_at, c.id
"""
