"""Two thousand tenants with five items each: few statements, each along an index, under the platform's role."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.scheduling.claiming import CLAIM
from plugin_host.scheduling.definitions import OUTDATED
from plugin_host.scheduling.due import TAKE_DUE, make_due

TENANTS, ITEMS = 2_000, 5
_SEED = f"""
WITH tenants AS (
    INSERT INTO tenants_tenant (id, slug, name, plan, time_zone, status, tagline, accent_color, created_at)
    SELECT gen_random_uuid(), 'scale-' || n, 'Scale ' || n, 'free', 'Europe/Vienna', 'active', '', '', now()
    FROM generate_series(1, {TENANTS}) n RETURNING id
), plugins AS (
    INSERT INTO plugin_settings (id, tenant_id, plugin_id, state, config, config_version, fail_open, revision,
        paused_reason, paused_by, paused_by_breaker, changed_by, changed_at)
    SELECT gen_random_uuid(), id, 'scale', 'enabled', '{{}}', 1, false, 1, '', '', false, '', now() FROM tenants
)
INSERT INTO plugin_host_scheduleditem (id, tenant_id, plugin, kind, item_id, target, name, definition, cron_expression,
    interval_seconds, time_zone, is_enabled, is_switched_off, problem, next_run_at, planned_at, planned_zone,
    created_at)
SELECT gen_random_uuid(), id, 'scale', 'task', 'scale.t' || n, '', 'Task', '{{}}',
    CASE WHEN n < 3 THEN '0 6 * * *' ELSE '' END, CASE WHEN n >= 3 THEN 3600 END, '', true, false, '',
    now() + make_interval(hours => 1, secs => n), now(), 'Europe/Vienna', now()
FROM tenants CROSS JOIN generate_series(1, {ITEMS}) n
"""
_TABLES = "tenants_tenant, plugin_settings, plugin_host_scheduleditem, plugin_host_scheduledrun"


def analyze() -> None:
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute(f"ANALYZE {_TABLES}")


@pytest.fixture(scope="module")
def many_items() -> Iterator[None]:
    with platform_scope(PlatformWork.SCHEDULES), connection.cursor() as cursor:
        cursor.execute(_SEED)
        analyze()
        yield
        for table in ("scheduledrun", "scheduleditem"):
            cursor.execute(f"DELETE FROM plugin_host_{table} WHERE plugin = 'scale'")
        cursor.execute("DELETE FROM plugin_settings WHERE plugin_id = 'scale'")
        cursor.execute("DELETE FROM tenants_tenant WHERE slug LIKE 'scale-%%'")
    analyze()


def plan_of(sql: str, values: dict[str, Any]) -> str:
    """Return the plan of a statement in the platform's role."""
    with platform_scope(PlatformWork.SCHEDULES), connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("tenantry_platform",)
        cursor.execute(f"EXPLAIN {sql}", values)
        return "\n".join(row[0] for row in cursor.fetchall())


def test_what_is_due_is_found_along_its_index(many_items: None) -> None:
    plan = plan_of(TAKE_DUE, {"now": None, "limit": 500})

    assert "plugin_host_item_due_idx" in plan
    assert "Seq Scan on plugin_host_scheduleditem" not in plan


def test_due_runs_are_found_along_their_index(many_items: None) -> None:
    lists = (
        "tokens full_tenants full_pair_tenants full_pair_plugins full_kinds busy_pair_tenants busy_pair_plugins "
        "busy_pair_counts slow_tenants slow_plugins share_plugins share_counts share_slow share_full"
    )
    values: dict[str, Any] = {name: [] for name in lists.split()} | {
        "limit": 8,
        "candidates": 500,
        "worker": "",
        "lease": 1,
        "per_tenant": 6,
        "per_plugin": 5,
        "per_slow": 2,
        "share_most": 7,
        "share_half": 4,
        "suspects": 1,
    }
    with platform_scope(PlatformWork.SCHEDULES), connection.cursor() as cursor:
        # What other tests left open would be a good part of all that is open here.
        cursor.execute("DELETE FROM plugin_host_scheduledrun WHERE status <> 'ended'")
        cursor.execute(
            "INSERT INTO plugin_host_scheduledrun (id, tenant_id, item_id, plugin, kind, slot, reason, requested_by,"
            " status, outcome, outcome_reason, error, attempt, failures, crashes, created_at, finished_at)"
            " SELECT gen_random_uuid(), tenant_id, id, plugin, kind, now() - make_interval(days => n), 'schedule', '',"
            " 'ended', 'done', '', '', 1, 0, 0, now(), now()"
            " FROM plugin_host_scheduleditem CROSS JOIN generate_series(1, 3) n WHERE plugin = 'scale'"
        )
    analyze()

    plan = plan_of(CLAIM, values)

    # Each of the two holds open runs alone.
    assert "plugin_host_run_due_idx" in plan or "plugin_host_run_open_idx" in plan
    assert "Seq Scan on plugin_host_scheduledrun" not in plan


def test_ten_thousand_items_come_due_in_a_few_statements(many_items: None) -> None:
    seen: list[str] = []

    def note(execute: Any, sql: str, values: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, values, many, context)

    with platform_scope(PlatformWork.SCHEDULES), connection.cursor() as cursor:
        cursor.execute("SELECT max(next_run_at) FROM plugin_host_scheduleditem WHERE plugin = 'scale'")
        (now,) = cursor.fetchone()
        # Other tests' items are left alone.
        cursor.execute("UPDATE plugin_host_scheduleditem SET next_run_at = NULL WHERE plugin <> 'scale'")
        with connection.execute_wrapper(note):
            made = make_due(now=now)

    assert made.runs == TENANTS * ITEMS
    # Three for each five hundred, and what ends the loop; transactions are not counted.
    assert len(seen) < 80


def test_outdated_definitions_are_found_in_one_statement(many_items: None) -> None:
    with platform_scope(PlatformWork.SCHEDULES), connection.cursor() as cursor:
        cursor.execute(OUTDATED, {"plugins": ["scale"], "versions": ["1.0.0"]})
        assert len(cursor.fetchall()) == TENANTS
