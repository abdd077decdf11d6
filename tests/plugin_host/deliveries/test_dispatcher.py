from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from datetime import datetime
from types import SimpleNamespace

import psycopg
import pytest
from django.db import connection

from core.ids import uuid7
from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.deliveries.claiming import ClaimedDelivery
from plugin_host.deliveries.finishing import AttemptResult, recover_lost_leases
from plugin_host.models.delivery import AttemptOutcome, Delivery, DeliveryOutcome
from plugin_host.worker.dispatcher import DispatcherSettings, HookSpeeds
from tenants.models import Tenant
from tests.plugin_host.deliveries.conftest import MakeDelivery, attempts, ended, open_delivery
from tests.plugin_host.deliveries.dispatching import dispatching, wait_until


def done(delivery: ClaimedDelivery) -> AttemptResult:
    return AttemptResult(
        id=delivery.id,
        token=delivery.token,
        attempt_outcome=AttemptOutcome.DONE,
        outcome=DeliveryOutcome.DONE,
    )


def test_everything_due_is_made_once(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    deliveries = [make_delivery(tenant) for _ in range(40)]
    runs: Counter[object] = Counter()

    async def run(delivery: ClaimedDelivery) -> AttemptResult:
        runs[delivery.id] += 1
        return done(delivery)

    with dispatching(run):
        wait_until(lambda: all(ended(delivery) for delivery in deliveries))

    assert runs == Counter({delivery.pk: 1 for delivery in deliveries})


def test_slots_run_beside_each_other_and_are_refilled(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    deliveries = [make_delivery(tenant, plugin=plugin) for plugin in ("a", "b") for _ in range(4)]
    most = running = 0

    async def run(delivery: ClaimedDelivery) -> AttemptResult:
        nonlocal most, running
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        return done(delivery)

    with dispatching(run):
        wait_until(lambda: all(ended(delivery) for delivery in deliveries))

    # A quarter of the four slots is kept for other tenants.
    assert most == 3


def test_order_of_a_record_holds_while_others_run(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    record = uuid7()
    deliveries = [
        make_delivery(tenant, record_id=record, record_version=version) for version in range(10, 0, -1)
    ]
    versions: list[int | None] = []

    async def run(delivery: ClaimedDelivery) -> AttemptResult:
        await asyncio.sleep(0.001)
        versions.append(delivery.record_version)
        return done(delivery)

    with dispatching(run):
        wait_until(lambda: all(ended(delivery) for delivery in deliveries))

    assert versions == list(range(1, 11))


def test_a_bell_wakes_a_dispatcher_that_does_not_poll(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    async def run(delivery: ClaimedDelivery) -> AttemptResult:
        return done(delivery)

    with dispatching(run, DispatcherSettings(slots=4, poll_seconds=600)) as dispatcher:
        delivery = make_delivery(tenant)
        dispatcher.wake()
        wait_until(lambda: ended(delivery))


def lease_end(delivery: Delivery) -> datetime:
    stored = open_delivery(delivery)
    assert stored is not None
    assert stored.lease_until is not None
    return stored.lease_until


def test_leases_are_renewed_while_a_hook_runs(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    delivery = make_delivery(tenant)
    started, release = threading.Event(), asyncio.Event()

    async def run(claimed: ClaimedDelivery) -> AttemptResult:
        started.set()
        await release.wait()
        return done(claimed)

    settings = DispatcherSettings(slots=2, lease_seconds=1.0, poll_seconds=0.1)
    with dispatching(run, settings) as dispatcher:
        started.wait(10)
        first_end = lease_end(delivery)
        wait_until(lambda: lease_end(delivery) > first_end)
        assert recover_lost_leases() == []
        assert dispatcher._loop is not None
        dispatcher._loop.call_soon_threadsafe(release.set)
        wait_until(lambda: ended(delivery))

    assert [attempt.outcome for attempt in attempts(delivery)] == ["done"]


def test_stopping_gives_back_what_does_not_end(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    delivery = make_delivery(tenant)
    started = threading.Event()

    async def run(claimed: ClaimedDelivery) -> AttemptResult:
        started.set()
        await asyncio.Event().wait()
        return done(claimed)

    with dispatching(run) as dispatcher:
        started.wait(10)
        assert dispatcher.stop(grace_seconds=0.05)

    stored = open_delivery(delivery)
    assert stored is not None
    assert (stored.status, stored.crashes, stored.failures) == ("pending", 0, 0)
    assert [attempt.outcome for attempt in attempts(delivery)] == ["released"]


def test_stopping_lets_running_hooks_end(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    delivery = make_delivery(tenant)
    started = threading.Event()

    async def run(claimed: ClaimedDelivery) -> AttemptResult:
        started.set()
        await asyncio.sleep(0.05)
        return done(claimed)

    with dispatching(run) as dispatcher:
        started.wait(10)
        assert dispatcher.stop(grace_seconds=30)

    assert ended(delivery) is not None


def sessions() -> set[int]:
    """Return the process ids of the sessions of this test process's database, but for the caller's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), current_database()")
        own, database = cursor.fetchone()
    with psycopg.connect(os.environ["TENANTRY_TEST_ADMIN_DSN"], autocommit=True) as admin:
        rows = admin.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s", [database]).fetchall()
    return {pid for (pid,) in rows} - {own}


def test_a_lost_database_session_is_survived(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    async def run(claimed: ClaimedDelivery) -> AttemptResult:
        return done(claimed)

    # Sessions of other threads of this process stay: later tests use them.
    before = sessions()
    with dispatching(run, DispatcherSettings(slots=4, poll_seconds=0.1)) as dispatcher:
        first = make_delivery(tenant)
        wait_until(lambda: ended(first))
        its_own = sessions() - before
        assert its_own
        with psycopg.connect(os.environ["TENANTRY_TEST_ADMIN_DSN"], autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) pid", [sorted(its_own)])
        second = make_delivery(tenant)
        dispatcher.wake()
        wait_until(lambda: ended(second))


def test_a_worn_out_process_ends_after_its_work(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    delivery = make_delivery(tenant)
    worn = gone = False

    async def run(claimed: ClaimedDelivery) -> AttemptResult:
        nonlocal worn
        worn = True
        return done(claimed)

    def note() -> None:
        nonlocal gone
        gone = True

    with dispatching(run, is_worn_out=lambda: worn, on_worn_out=note):
        wait_until(lambda: gone)

    assert ended(delivery) is not None


def test_a_hook_that_blocks_the_loop_is_named_and_the_others_are_given_back(
    tenant: Tenant, make_delivery: MakeDelivery
) -> None:
    quiet = make_delivery(tenant, plugin="quiet")
    blocker = make_delivery(tenant, plugin="blocker")
    named: list[ClaimedDelivery | None] = []
    release = threading.Event()

    async def run(claimed: ClaimedDelivery) -> AttemptResult:
        if claimed.plugin == "blocker":
            release.wait(30)
        else:
            await asyncio.sleep(30)
        return done(claimed)

    def note(delivery: ClaimedDelivery | None) -> None:
        named.append(delivery)
        release.set()

    settings = DispatcherSettings(slots=4, poll_seconds=0.1, lease_seconds=2, blocked_seconds=0.6)
    with dispatching(run, settings, on_blocked=note) as dispatcher:
        wait_until(lambda: named)
        dispatcher.stop(grace_seconds=0.1)

    assert [delivery.plugin for delivery in named if delivery] == ["blocker"]
    with platform_scope(PlatformWork.DELIVERY_SWEEP):
        assert Delivery.objects.get(pk=quiet.pk).status == "pending"
    assert {attempt.outcome for attempt in attempts(quiet)} == {"released"}
    assert blocker is not None


def test_speeds_forget_and_name_the_slow() -> None:
    speeds = HookSpeeds()
    slow, quick = (uuid7(), "slow"), (uuid7(), "quick")
    for _ in range(3):
        speeds.note(slow, 10.0)
        speeds.note(quick, 0.1)
    assert speeds.slow == [slow]
    for _ in range(20):
        speeds.note(slow, 0.1)
    assert speeds.slow == []


def test_a_plugin_is_slow_while_its_first_run_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [100.0]
    clock = SimpleNamespace(monotonic=lambda: times[-1])
    monkeypatch.setattr("plugin_host.worker.dispatcher.time", clock)
    speeds, hanging = HookSpeeds(), (uuid7(), "hanging")

    with speeds.measuring(hanging):
        assert speeds.slow == []
        times.append(103.0)
        assert speeds.slow == [hanging]
