from __future__ import annotations

import os
import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection, connections
from django.utils import timezone

from core.ids import uuid7
from core.models import Event
from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.deliveries import claiming
from plugin_host.deliveries.claiming import ClaimedDelivery, claim_deliveries
from plugin_host.deliveries.creation import new_delivery
from plugin_host.deliveries.finishing import AttemptResult, finish_attempts
from plugin_host.models.delivery import AttemptOutcome, Delivery, DeliveryOutcome
from plugin_host.models.settings import PluginSettings, PluginState
from plugin_host.worker.source import ClaimLimits
from tenants.models import Tenant, TenantStatus
from tests.fixtures import MakeTenant
from tests.plugin_host.deliveries.conftest import MakeDelivery, attempts, open_delivery

WIDE = ClaimLimits(per_tenant=1000, per_plugin=1000, per_slow_plugin=1000)


def claim(limit: int = 10, **options: object) -> list[ClaimedDelivery]:
    return claim_deliveries(limit, **({"worker": "test", "lease_seconds": 60, "limits": WIDE} | options))  # type: ignore[arg-type]


def done(delivery: ClaimedDelivery) -> AttemptResult:
    return AttemptResult(
        id=delivery.id,
        token=delivery.token,
        attempt_outcome=AttemptOutcome.DONE,
        outcome=DeliveryOutcome.DONE,
    )


def test_claim_takes_a_due_delivery_with_everything_it_needs(
    tenant: Tenant, make_delivery: MakeDelivery
) -> None:
    record = uuid7()
    delivery = make_delivery(tenant, record_id=record, record_version=3, payload={"title": "Ü"}, depth=2)

    (claimed,) = claim()

    assert (claimed.id, claimed.tenant_id, claimed.tenant_slug) == (delivery.pk, tenant.pk, tenant.slug)
    assert (claimed.record_id, claimed.record_version, claimed.payload) == (record, 3, {"title": "Ü"})
    assert (claimed.attempt, claimed.depth, claimed.event_id) == (1, 2, delivery.event_id)


def test_claim_writes_the_attempt_whose_id_is_the_lease(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    delivery = make_delivery(tenant)

    (claimed,) = claim()

    (attempt,) = attempts(delivery)
    assert (attempt.pk, attempt.number, attempt.outcome, attempt.worker) == (
        claimed.token,
        1,
        "running",
        "test",
    )
    stored = open_delivery(delivery)
    assert stored is not None
    assert (stored.status, stored.lease_token) == ("running", claimed.token)


def test_claim_leaves_what_is_not_due(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    delivery = make_delivery(tenant)
    with platform_scope(PlatformWork.DELIVERY_SWEEP), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE plugin_host_delivery SET next_attempt_at = now() + interval '1 hour' WHERE id = %s",
            [delivery.pk],
        )

    assert claim() == []


def test_claim_leaves_what_is_running(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    make_delivery(tenant)

    assert [len(claim()), len(claim())] == [1, 0]


def test_claim_leaves_suspended_tenants_alone(make_tenant: MakeTenant, make_delivery: MakeDelivery) -> None:
    make_delivery(make_tenant(status=TenantStatus.SUSPENDED))

    assert claim() == []


def test_what_is_paused_waits_and_is_probed_with_one_delivery_when_its_time_is_up(
    in_tenant: Tenant, make_delivery: MakeDelivery
) -> None:
    for _ in range(3):
        make_delivery(in_tenant)
    settings = PluginSettings.objects.create(
        plugin_id="echo", state=PluginState.PAUSED, paused_by_breaker=True
    )

    assert claim() == []
    settings.paused_until = timezone.now() + timedelta(hours=1)
    settings.save()
    assert claim() == []
    settings.paused_until = timezone.now() - timedelta(hours=1)
    settings.save()
    (probe,) = claim()
    assert claim(running=[(probe.tenant_id, probe.plugin)]) == []
    settings.state = PluginState.ENABLED
    settings.save()
    assert len(claim(running=[(probe.tenant_id, probe.plugin)])) == 2


def test_while_another_process_has_the_probe_nothing_is_claimed(
    in_tenant: Tenant, make_delivery: MakeDelivery
) -> None:
    make_delivery(in_tenant)
    settings = PluginSettings.objects.create(
        plugin_id="echo",
        state=PluginState.PAUSED,
        paused_by_breaker=True,
        paused_until=timezone.now() - timedelta(hours=1),
        probe_until=timezone.now() + timedelta(hours=1),
    )

    assert claim() == []
    settings.probe_until = timezone.now() - timedelta(seconds=1)
    settings.save()
    assert len(claim()) == 1


def test_when_a_persons_pause_is_over_everything_goes_on(
    in_tenant: Tenant, make_delivery: MakeDelivery
) -> None:
    for _ in range(3):
        make_delivery(in_tenant)
    PluginSettings.objects.create(
        plugin_id="echo", state=PluginState.PAUSED, paused_until=timezone.now() - timedelta(hours=1)
    )

    assert len(claim()) == 3


def test_a_later_version_waits_until_the_earlier_one_is_final(
    tenant: Tenant, make_delivery: MakeDelivery
) -> None:
    record = uuid7()
    second = make_delivery(tenant, record_id=record, record_version=2)
    first = make_delivery(tenant, record_id=record, record_version=1)

    (claimed,) = claim()
    assert claimed.id == first.pk
    assert claim() == []

    finish_attempts([done(claimed)])
    assert [delivery.id for delivery in claim()] == [second.pk]


def test_other_records_plugins_and_tenants_do_not_wait(
    tenant: Tenant, other_tenant: Tenant, make_delivery: MakeDelivery
) -> None:
    record = uuid7()
    make_delivery(tenant, record_id=record, record_version=1)
    waiting = make_delivery(tenant, record_id=record, record_version=2)
    make_delivery(tenant, record_id=record, record_version=2, plugin="other")
    make_delivery(tenant, record_id=uuid7(), record_version=2)
    make_delivery(other_tenant, record_id=record, record_version=2)

    claimed = claim()

    assert len(claimed) == 4
    assert waiting.pk not in {delivery.id for delivery in claimed}


def test_tenants_take_turns(tenant: Tenant, other_tenant: Tenant, make_delivery: MakeDelivery) -> None:
    for _ in range(8):
        make_delivery(tenant)
    for _ in range(2):
        make_delivery(other_tenant)

    claimed = Counter(delivery.tenant_id for delivery in claim(4))

    assert claimed == {tenant.pk: 2, other_tenant.pk: 2}


def test_a_tenant_with_running_deliveries_comes_later(
    tenant: Tenant, other_tenant: Tenant, make_delivery: MakeDelivery
) -> None:
    for owner in (tenant, tenant, tenant, other_tenant, other_tenant):
        make_delivery(owner)

    claimed = Counter(delivery.tenant_id for delivery in claim(2, running=[(tenant.pk, "echo")] * 2))

    assert claimed == {other_tenant.pk: 2}


def test_limits_leave_slots_to_others(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    for plugin in ("busy", "busy", "busy", "busy", "quiet"):
        make_delivery(tenant, plugin=plugin)
    limits = ClaimLimits(per_tenant=4, per_plugin=3, per_slow_plugin=1)

    claimed = Counter(delivery.plugin for delivery in claim(10, limits=limits))
    assert claimed == {"busy": 3, "quiet": 1}
    assert claim(10, limits=limits, running=[(tenant.pk, "busy")] * 3 + [(tenant.pk, "quiet")]) == []


def test_slow_plugins_get_few_slots(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    for _ in range(3):
        make_delivery(tenant, plugin="slow")
    limits = ClaimLimits(per_tenant=10, per_plugin=10, per_slow_plugin=1)

    assert len(claim(10, limits=limits, slow=[(tenant.pk, "slow")])) == 1


def test_a_plugin_of_many_tenants_leaves_slots_to_others(
    make_tenant: MakeTenant, make_delivery: MakeDelivery
) -> None:
    tenants = [make_tenant() for _ in range(6)]
    for one in tenants:
        make_delivery(one, plugin="hog")
    limits = replace(WIDE, across_tenants=5, slow_across_tenants=3)

    assert Counter(one.plugin for one in claim(10, limits=limits)) == {"hog": 5}
    running = [(one.pk, "hog") for one in tenants[:5]]
    assert claim(10, limits=limits, running=running) == []
    make_delivery(tenants[5], plugin="quiet")
    assert [one.plugin for one in claim(10, limits=limits, running=running)] == ["quiet"]


def test_above_half_of_the_slots_a_plugin_comes_after_others(
    make_tenant: MakeTenant, make_delivery: MakeDelivery
) -> None:
    tenants = [make_tenant() for _ in range(6)]
    for one in tenants:
        make_delivery(one, plugin="hog")
    for one in tenants:
        make_delivery(one, plugin="quiet")
    limits = replace(WIDE, across_tenants=5, slow_across_tenants=2)

    assert Counter(one.plugin for one in claim(4, limits=limits)) == {"hog": 2, "quiet": 2}


def test_a_plugin_that_is_slow_for_one_tenant_gets_half_of_the_slots_for_all(
    make_tenant: MakeTenant, make_delivery: MakeDelivery
) -> None:
    tenants = [make_tenant() for _ in range(4)]
    for one in tenants:
        make_delivery(one, plugin="hog")
    limits = replace(WIDE, across_tenants=5, slow_across_tenants=2)

    assert len(claim(10, limits=limits, slow=[(tenants[0].pk, "hog")])) == 2


@pytest.mark.parametrize("slots", [1, 2, 3, 8, 32])
def test_the_shares_of_a_plugin_follow_from_the_slots(slots: int) -> None:
    limits = ClaimLimits.for_slots(slots)

    assert 1 <= limits.slow_across_tenants <= limits.across_tenants <= slots
    if slots >= 8:
        assert limits.across_tenants < slots


def test_suspects_come_one_at_a_time(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    suspects = [make_delivery(tenant) for _ in range(2)]
    innocent = make_delivery(tenant)
    with platform_scope(PlatformWork.DELIVERY_SWEEP):
        Delivery.objects.filter(pk__in=[suspect.pk for suspect in suspects]).update(crashes=1)

    first = {delivery.id for delivery in claim(10)}
    assert first == {suspects[0].pk, innocent.pk}
    assert claim(10, with_suspect=False) == []
    assert [delivery.id for delivery in claim(10)] == [suspects[1].pk]


def test_claimers_at_the_same_time_never_share_a_delivery(
    tenant: Tenant, make_delivery: MakeDelivery
) -> None:
    expected = {make_delivery(tenant).pk for _ in range(120)}
    start = threading.Barrier(6)

    def claim_until_empty() -> list[UUID]:
        start.wait()
        found: list[UUID] = []
        try:
            while batch := claim(7):
                found += [delivery.id for delivery in batch]
        finally:
            connections.close_all()
        return found

    with ThreadPoolExecutor(6) as pool:
        results = [future.result() for future in [pool.submit(claim_until_empty) for _ in range(6)]]

    claimed = [delivery for result in results for delivery in result]
    # Whoever lost a race may have seen nothing while others still held locks; the rest is there for the next.
    claimed += [delivery.id for delivery in claim(200)]
    assert Counter(claimed) == Counter(expected)


def test_claiming_hops_along_the_index(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    make_delivery(tenant)
    with platform_scope(PlatformWork.DELIVERY_SWEEP), connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("SET enable_sort = off")  # of the indexes only one that has the order
        cursor.execute(
            "EXPLAIN SELECT tenant_id, plugin FROM plugin_host_delivery WHERE status = 'pending' "
            "ORDER BY tenant_id, plugin LIMIT 1"
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("RESET enable_seqscan")
        cursor.execute("RESET enable_sort")
    # Two begin with tenant and plugin; which is cheaper the planner decides by what is in the table.
    assert re.search(r"Index (Only )?Scan using plugin_host_delivery_(due|order)_idx", plan), plan
    assert "Sort" not in plan


def test_claim_reads_no_more_where_more_waits(
    tenant: Tenant, make_delivery: MakeDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each due delivery looks for earlier versions of its own record, and not through the plugin's whole backlog."""
    first = make_delivery(tenant, record_id=uuid7(), record_version=1)
    read_alone = pages_read(monkeypatch)
    event = Event(**{field.attname: getattr(first.event, field.attname) for field in Event._meta.fields})
    with platform_scope(PlatformWork.DELIVERY_SWEEP):
        events = []
        for _ in range(1_000):
            event.pk, event.record_id = uuid7(), uuid7()
            events.append(copy(event))
        Event.objects.bulk_create(events)
        rows = [new_delivery(made, first.plugin, first.hook) for made in events]
        for row in rows:
            row.tenant_id = tenant.pk
        Delivery.objects.bulk_create(rows)
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("VACUUM (ANALYZE) plugin_host_delivery, core_event")

    assert pages_read(monkeypatch) < read_alone + 50 * 20


def pages_read(monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many pages claiming ten touches; what it claims is due no more afterwards."""
    with monkeypatch.context() as patched:
        patched.setattr(claiming, "_CLAIM", f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {claiming._CLAIM}")
        patched.setattr(claiming, "_claimed", lambda row: row[0])
        plan: Any = claim()[0]
    total: int = plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]
    return total
