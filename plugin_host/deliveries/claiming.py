"""Leasing due deliveries to a worker process, in turns among tenants.

One statement picks rows, leases them and writes the row of each attempt, so a run without an attempt cannot exist.
The clock is the database's. Two processes that claim at once never get the same row: `SKIP LOCKED`, and the status
is looked at again on the locked row.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from core.ids import uuid7
from core.models import Event
from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.worker.source import ClaimLimits, PluginOfTenant, PluginShares


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClaimedDelivery:
    """One leased delivery with its event and its tenant, complete, so that running it needs no further query.

    Args:
        token: The lease, which is the id of the attempt.
        attempt: The attempt's number, from 1.
        failures: How many attempts before this one failed by themselves.
        record_version: The record's version after the event.
    """

    id: UUID
    token: UUID
    tenant_id: UUID
    tenant_slug: str
    tenant_plan: str
    plugin: str
    hook: str
    reason: str
    attempt: int
    failures: int
    crashes: int
    event_id: UUID
    event_type: str
    collection_name: str
    record_id: UUID | None
    record_version: int | None
    payload: dict[str, Any]
    actor: str
    actor_label: str
    correlation_id: UUID
    causation_id: UUID | None
    depth: int
    event_at: datetime

    def event(self) -> Event:
        """Return the event as a model, not to be saved."""
        return Event(
            id=self.event_id,
            tenant_id=self.tenant_id,
            type=self.event_type,
            collection_name=self.collection_name,
            record_id=self.record_id,
            record_version=self.record_version,
            payload=self.payload,
            actor=self.actor,
            actor_label=self.actor_label,
            correlation_id=self.correlation_id,
            causation_id=self.causation_id,
            depth=self.depth,
            created_at=self.event_at,
        )


def claim_deliveries(
    limit: int,
    *,
    worker: str,
    lease_seconds: float,
    running: Sequence[PluginOfTenant] = (),
    slow: Collection[PluginOfTenant] = (),
    limits: ClaimLimits | None = None,
    with_suspect: bool = True,
) -> list[ClaimedDelivery]:
    """Lease up to `limit` due deliveries of all tenants, fewest running tenants first.

    A delivery is not due before every earlier version of its record is done with for its plugin.

    Args:
        worker: Who claims: host and process, for people.
        running: Tenant and plugin of each delivery that the process runs already.
        slow: Tenants' plugins whose hooks take long; they get few slots.
        with_suspect: Whether one delivery under which a process died may be among them. Only one at a time runs in a
            process: if it kills another, no innocent neighbour does so for the second time.
    """
    limits = limits or ClaimLimits(per_tenant=limit, per_plugin=limit, per_slow_plugin=limit)
    of_tenant = Counter(tenant_id for tenant_id, _ in running)
    of_plugin = Counter(running)
    slow_pairs = list(slow)
    pairs = list(of_plugin)
    parameters: dict[str, Any] = {
        "limit": limit,
        "worker": worker,
        "lease": lease_seconds,
        "tokens": [uuid7() for _ in range(limit)],
        "per_tenant": limits.per_tenant,
        "per_plugin": limits.per_plugin,
        "per_slow": limits.per_slow_plugin,
        "busy_tenants": list(of_tenant),
        "busy_tenant_counts": list(of_tenant.values()),
        "busy_pair_tenants": [tenant_id for tenant_id, _ in pairs],
        "busy_pair_plugins": [plugin for _, plugin in pairs],
        "busy_pair_counts": [of_plugin[pair] for pair in pairs],
        "slow_tenants": [tenant_id for tenant_id, _ in slow_pairs],
        "slow_plugins": [plugin for _, plugin in slow_pairs],
        "suspects": 1 if with_suspect else 0,
        **PluginShares.of(running, slow_pairs, limits).parameters(limits),
    }
    with platform_scope(PlatformWork.DELIVERY_DISPATCH), connection.cursor() as cursor:
        cursor.execute(_CLAIM, parameters)
        return [_claimed(row) for row in cursor.fetchall()]


def _claimed(row: Sequence[Any]) -> ClaimedDelivery:
    values = dict(zip(_COLUMNS, row, strict=True))
    payload = values["payload"]
    values["payload"] = json.loads(payload) if isinstance(payload, str) else payload
    return ClaimedDelivery(**values)


_COLUMNS = (
    "id",
    "token",
    "tenant_id",
    "tenant_slug",
    "tenant_plan",
    "plugin",
    "hook",
    "reason",
    "attempt",
    "failures",
    "crashes",
    "event_id",
    "event_type",
    "collection_name",
    "record_id",
    "record_version",
    "payload",
    "actor",
    "actor_label",
    "correlation_id",
    "causation_id",
    "depth",
    "event_at",
)

# `waiting` hops from one (tenant, plugin) to the next along the index, so its cost follows the number of pairs with
# work and not the number of rows; `due` looks at no more rows of each than could be taken. `OFFSET 0` keeps the look
# for earlier versions a lookup by index for each of those: as a join it reads the plugin's whole backlog each time.
_CLAIM = """
WITH RECURSIVE waiting AS (
    (SELECT tenant_id, plugin FROM plugin_host_delivery WHERE status = 'pending' ORDER BY tenant_id, plugin LIMIT 1)
  UNION ALL
    SELECT further.tenant_id, further.plugin FROM waiting CROSS JOIN LATERAL (
        SELECT d.tenant_id, d.plugin FROM plugin_host_delivery d
        WHERE d.status = 'pending' AND (d.tenant_id, d.plugin) > (waiting.tenant_id, waiting.plugin)
        ORDER BY d.tenant_id, d.plugin LIMIT 1
    ) further
), busy_tenant AS (
    SELECT * FROM unnest(%(busy_tenants)s::uuid[], %(busy_tenant_counts)s::int[]) AS b(tenant_id, running)
), busy_pair AS (
    SELECT * FROM unnest(%(busy_pair_tenants)s::uuid[], %(busy_pair_plugins)s::text[], %(busy_pair_counts)s::int[])
        AS b(tenant_id, plugin, running)
), slow AS (
    SELECT * FROM unnest(%(slow_tenants)s::uuid[], %(slow_plugins)s::text[]) AS s(tenant_id, plugin)
), due AS (
    SELECT d.id, d.tenant_id, waiting.plugin, d.next_attempt_at, d.crashes,
           coalesce(busy_tenant.running, 0) AS tenant_running
    FROM waiting
    JOIN tenants_tenant t ON t.id = waiting.tenant_id AND t.status = 'active'
    LEFT JOIN busy_tenant ON busy_tenant.tenant_id = waiting.tenant_id
    LEFT JOIN busy_pair ON busy_pair.tenant_id = waiting.tenant_id AND busy_pair.plugin = waiting.plugin
    LEFT JOIN slow ON slow.tenant_id = waiting.tenant_id AND slow.plugin = waiting.plugin
    LEFT JOIN plugin_settings s ON s.tenant_id = waiting.tenant_id AND s.plugin_id = waiting.plugin
    CROSS JOIN LATERAL (
        SELECT d.id, d.tenant_id, d.next_attempt_at, d.crashes FROM plugin_host_delivery d
        WHERE d.status = 'pending' AND d.tenant_id = waiting.tenant_id AND d.plugin = waiting.plugin
          AND d.next_attempt_at <= now() AND (d.crashes = 0 OR %(suspects)s > 0)
          AND NOT EXISTS (
              SELECT FROM plugin_host_delivery earlier
              WHERE earlier.tenant_id = d.tenant_id AND earlier.plugin = d.plugin
                AND earlier.record_id = d.record_id AND earlier.record_version < d.record_version
              OFFSET 0
          )
        ORDER BY d.next_attempt_at, d.id
        LIMIT greatest(0, least(
            %(limit)s,
            CASE WHEN s.state = 'paused' AND s.paused_by_breaker THEN 1
                WHEN slow.plugin IS NULL THEN %(per_plugin)s ELSE %(per_slow)s END
                - coalesce(busy_pair.running, 0)
        ))
    ) d
    -- What is paused waits; when the breaker's time is up one delivery goes ahead as a probe.
    WHERE waiting.plugin <> ALL (%(share_full)s::text[])
      AND (s.state IS DISTINCT FROM 'paused'
           OR (s.paused_until <= now() AND (s.probe_until IS NULL OR s.probe_until <= now())))
), ranked AS (
    SELECT id, plugin, next_attempt_at, crashes, tenant_running + row_number() OVER tenants AS turn,
           row_number() OVER suspects AS suspect_turn
    FROM due
    WINDOW tenants AS (PARTITION BY tenant_id ORDER BY next_attempt_at, id),
           suspects AS (PARTITION BY crashes > 0 ORDER BY next_attempt_at, id)
), shared AS (
    SELECT r.id, r.plugin, r.next_attempt_at, r.turn,
           coalesce(b.running, 0) + row_number() OVER (PARTITION BY r.plugin ORDER BY r.turn, r.next_attempt_at, r.id)
               AS plugin_turn
    FROM ranked r
    LEFT JOIN unnest(%(share_plugins)s::text[], %(share_counts)s::int[]) AS b(plugin, running) USING (plugin)
    WHERE r.turn <= %(per_tenant)s AND (r.crashes = 0 OR r.suspect_turn <= %(suspects)s)
), chosen AS (
    SELECT id FROM shared
    WHERE plugin_turn <=
        CASE WHEN plugin = ANY (%(share_slow)s::text[]) THEN %(share_half)s ELSE %(share_most)s END
    ORDER BY plugin_turn > %(share_half)s, turn, next_attempt_at, id LIMIT %(limit)s
), locked AS (
    SELECT d.id FROM plugin_host_delivery d
    WHERE d.id IN (SELECT id FROM chosen) AND d.status = 'pending'
    FOR UPDATE SKIP LOCKED
), numbered AS (
    SELECT id, row_number() OVER () AS place FROM locked
), claimed AS (
    UPDATE plugin_host_delivery d
    SET status = 'running', attempt = d.attempt + 1, lease_token = tokens.token,
        lease_until = now() + make_interval(secs => %(lease)s)
    FROM numbered
    JOIN unnest(%(tokens)s::uuid[]) WITH ORDINALITY AS tokens(token, place) USING (place)
    WHERE d.id = numbered.id
    RETURNING d.*
), attempts AS (
    INSERT INTO plugin_host_deliveryattempt
        (id, tenant_id, delivery_id, number, worker, outcome, error, log, started_at)
    SELECT lease_token, tenant_id, id, attempt, %(worker)s, 'running', '', '[]', now() FROM claimed
)
SELECT c.id, c.lease_token, c.tenant_id, t.slug, t.plan, c.plugin, c.hook, c.reason, c.attempt, c.failures, c.crashes,
       e.id, e.type, e.collection_name, e.record_id, e.record_version, e.payload, e.actor, e.actor_label,
       e.correlation_id, e.causation_id, e.depth, e.created_at
FROM claimed c
JOIN core_event e ON e.tenant_id = c.tenant_id AND e.id = c.event_id
JOIN tenants_tenant t ON t.id = c.tenant_id
ORDER BY c.next_attempt_at, c.id
"""
