"""Runs are leased once, in turns, and what is lost starts again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.db.models import F
from django.utils import timezone

from core.actors import system_actor
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from plugin_host.models.delivery import AttemptOutcome
from plugin_host.models.schedule import RunOutcome, ScheduledAttempt, ScheduledItem, ScheduledRun
from plugin_host.models.settings import PluginSettings, PluginState
from plugin_host.scheduling.claiming import ClaimedRun, claim_runs
from plugin_host.scheduling.finishing import (
    RunResult,
    count_due_runs,
    finish_runs,
    recover_lost_runs,
    renew_run_leases,
)
from plugin_host.scheduling.running import given_back
from plugin_host.worker.source import ClaimLimits, ClaimRequest, PluginOfTenant
from tenants.models import Tenant, TenantStatus

WIDE = ClaimLimits(per_tenant=1000, per_plugin=1000, per_slow_plugin=1000)


@pytest.fixture(autouse=True)
def no_open_runs() -> None:
    """Claiming looks at all tenants, so what other tests left open has to go."""
    with platform_scope(PlatformWork.SCHEDULES):
        ScheduledRun.objects.exclude(status="ended").delete()


def make_run(tenant: Tenant, plugin: str = "worker", name: str = "sync", **fields: Any) -> ScheduledRun:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        item, _ = ScheduledItem.objects.get_or_create(plugin=plugin, kind="task", item_id=f"{plugin}.{name}")
        made: ScheduledRun = ScheduledRun.objects.create(
            **{"item": item, "plugin": plugin, "kind": "task", "slot": timezone.now()} | fields
        )
    return made


def claim(
    limit: int = 10,
    *,
    running: Sequence[PluginOfTenant] = (),
    slow: Sequence[PluginOfTenant] = (),
    limits: ClaimLimits = WIDE,
    with_suspect: bool = True,
    full_kinds: Sequence[str] = (),
) -> list[ClaimedRun]:
    request = ClaimRequest(
        limit=limit,
        worker="test",
        lease_seconds=60,
        running=running,
        slow=slow,
        limits=limits,
        with_suspect=with_suspect,
    )
    return claim_runs(request, full_kinds=full_kinds)


def done(run: ClaimedRun) -> RunResult:
    return RunResult(run=run, attempt_outcome=AttemptOutcome.DONE, outcome=RunOutcome.DONE)


def stored(run: ScheduledRun) -> ScheduledRun:
    with platform_scope(PlatformWork.SCHEDULES):
        found: ScheduledRun = ScheduledRun.objects.get(pk=run.pk)
    return found


def attempts(run: ScheduledRun) -> list[str]:
    with platform_scope(PlatformWork.SCHEDULES):
        rows = ScheduledAttempt.objects.filter(run_id=run.pk).order_by("number")
        return [row.outcome for row in rows]


def let_lease_run_out(run: ScheduledRun) -> None:
    with platform_scope(PlatformWork.SCHEDULES):
        ScheduledRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_claimed_run_has_everything_it_needs(tenant: Tenant) -> None:
    run = make_run(tenant)

    (claimed,) = claim()

    assert (claimed.id, claimed.tenant_id, claimed.tenant_slug, claimed.item_id) == (
        run.pk,
        tenant.pk,
        tenant.slug,
        "worker.sync",
    )
    assert (claimed.attempt, claimed.slot, claimed.is_retired) == (1, run.slot, False)
    assert attempts(run) == ["running"]
    assert claim() == []


def test_what_is_not_due_stays(tenant: Tenant) -> None:
    make_run(tenant, next_attempt_at=timezone.now() + timedelta(hours=1))

    assert claim() == []
    assert count_due_runs() == 0


def test_suspended_tenants_wait(tenant: Tenant) -> None:
    make_run(tenant)
    with platform_scope(PlatformWork.TENANT_DIRECTORY):
        Tenant.objects.filter(pk=tenant.pk).update(status=TenantStatus.SUSPENDED)

    assert claim() == []


def pause(tenant: Tenant, **fields: Any) -> None:
    with tenant_scope(tenant.pk):
        PluginSettings.objects.create(plugin_id="worker", state=PluginState.PAUSED, **fields)


def test_what_is_paused_waits(tenant: Tenant) -> None:
    make_run(tenant)
    pause(tenant)

    assert claim() == []


def test_when_the_breakers_pause_is_over_one_run_goes_ahead(tenant: Tenant) -> None:
    make_run(tenant, name="a")
    make_run(tenant, name="b")
    pause(tenant, paused_by_breaker=True, paused_until=timezone.now() - timedelta(seconds=1))

    assert len(claim()) == 1


def test_runs_of_one_item_do_not_run_beside_each_other(tenant: Tenant) -> None:
    make_run(tenant)
    make_run(tenant)

    (first,) = claim()
    assert claim() == []
    finish_runs([done(first)])

    assert len(claim()) == 1


def test_tenants_take_turns(tenant: Tenant, other_tenant: Tenant) -> None:
    for number in range(5):
        make_run(tenant, name=f"t{number}")
    make_run(other_tenant)

    assert {run.tenant_id for run in claim(2)} == {tenant.pk, other_tenant.pk}


def test_a_tenant_that_has_its_share_leaves_the_rest_to_others(tenant: Tenant, other_tenant: Tenant) -> None:
    for number in range(3):
        make_run(tenant, name=f"t{number}")
    make_run(other_tenant)
    limits = ClaimLimits(per_tenant=2, per_plugin=2, per_slow_plugin=1)

    assert {run.tenant_id for run in claim(running=[(tenant.pk, "worker")] * 2, limits=limits)} == {
        other_tenant.pk
    }
    assert len(claim(running=[(tenant.pk, "worker")], limits=limits)) == 1


def test_a_plugin_of_many_tenants_leaves_slots_to_others(tenant: Tenant, other_tenant: Tenant) -> None:
    for number in range(4):
        for one in (tenant, other_tenant):
            make_run(one, plugin="hog", name=f"t{number}")
    limits = replace(WIDE, across_tenants=3, slow_across_tenants=2)

    assert len(claim(limits=limits)) == 3
    running = [(tenant.pk, "hog"), (tenant.pk, "hog"), (other_tenant.pk, "hog")]
    make_run(tenant)
    assert [run.plugin for run in claim(running=running, limits=limits)] == ["worker"]
    slow = [(other_tenant.pk, "hog")]
    assert claim(running=running[:2], slow=slow, limits=limits) == []


def test_slow_plugins_and_full_kinds_get_no_more(tenant: Tenant) -> None:
    make_run(tenant)
    limits = ClaimLimits(per_tenant=5, per_plugin=5, per_slow_plugin=1)
    pair = (tenant.pk, "worker")

    assert claim(running=[pair], slow=[pair], limits=limits) == []
    assert claim(full_kinds=["task"]) == []
    assert len(claim()) == 1


def test_claimers_at_the_same_time_never_share_a_run(tenant: Tenant) -> None:
    expected = {make_run(tenant, name=f"t{number}").pk for number in range(60)}

    def claim_until_empty(_: int) -> list[UUID]:
        found: list[UUID] = []
        while some := claim(7):
            found += [run.id for run in some]
        connections.close_all()
        return found

    with ThreadPoolExecutor(5) as pool:
        results = list(pool.map(claim_until_empty, range(5)))

    claimed = [one for result in results for one in result] + [run.id for run in claim(100)]
    assert Counter(claimed) == Counter(expected)


def test_a_lost_lease_starts_again_and_its_late_result_is_refused(tenant: Tenant) -> None:
    run = make_run(tenant)
    (lost,) = claim()
    let_lease_run_out(run)

    assert recover_lost_runs() == [run.pk]
    (again,) = claim()

    assert (again.attempt, again.crashes, again.slot) == (2, 1, lost.slot)
    assert finish_runs([done(lost)]) == set()
    assert finish_runs([done(again)]) == {run.pk}
    assert attempts(run) == ["lost", "done"]
    assert (stored(run).status, stored(run).outcome, stored(run).failures) == ("ended", "done", 0)


def test_a_renewed_lease_is_not_lost(tenant: Tenant) -> None:
    run = make_run(tenant)
    (held,) = claim()
    let_lease_run_out(run)

    renew_run_leases([(held.id, held.token)], lease_seconds=60)

    assert recover_lost_runs() == []


def test_three_lost_processes_are_the_end(tenant: Tenant) -> None:
    run = make_run(tenant)
    for _ in range(3):
        claim()
        let_lease_run_out(run)
        recover_lost_runs()

    assert (stored(run).status, stored(run).outcome, stored(run).outcome_reason) == (
        "ended",
        "dead",
        "crashes",
    )
    assert attempts(run) == ["lost"] * 3
    assert claim() == []


def test_suspects_come_one_at_a_time(tenant: Tenant) -> None:
    for number in range(3):
        make_run(tenant, name=f"t{number}", crashes=1)

    assert len(claim()) == 1
    assert claim(with_suspect=False) == []


def test_an_attempt_that_never_began_is_taken_back(tenant: Tenant) -> None:
    run = make_run(tenant)
    (claimed,) = claim()

    finish_runs([given_back(claimed, "The plugin is paused.", wait_seconds=60)])

    assert (stored(run).status, stored(run).attempt, stored(run).failures) == ("pending", 0, 0)
    assert attempts(run) == []
    assert claim() == []


def test_an_attempt_that_was_cut_off_counts_as_nothing_but_an_attempt(tenant: Tenant) -> None:
    run = make_run(tenant)
    (claimed,) = claim()

    finish_runs([given_back(claimed, "The worker stopped.", was_started=True)])

    assert (stored(run).attempt, stored(run).failures, attempts(run)) == (1, 0, ["released"])


def test_crashed_items_leave_their_slot_to_the_next_one(tenant: Tenant) -> None:
    run = make_run(tenant)
    with platform_scope(PlatformWork.SCHEDULES):
        ScheduledRun.objects.filter(pk=run.pk).update(crashes=F("crashes") + 2)
    claim()
    let_lease_run_out(run)
    recover_lost_runs()
    make_run(tenant)

    assert len(claim()) == 1
