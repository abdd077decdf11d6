"""What the breaker learns from deliveries, and what becomes of those that wait for it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.models import Collection
from core.platform_work import PlatformWork
from core.scope import platform_scope
from core.services.publishing import publish_record
from core.services.records import create_record
from plugin_host.base import Plugin
from plugin_host.breaker.conduct import Conduct
from plugin_host.context import HookContext
from plugin_host.deliveries.claiming import claim_deliveries
from plugin_host.deliveries.execution import punish_blocking_hook, run_delivery
from plugin_host.deliveries.finishing import AttemptResult, finish_attempts, recover_lost_leases
from plugin_host.errors import NotReady
from plugin_host.hookspec import ContentLifecycleHooks
from plugin_host.models import PluginBreaker, PluginSettings, PluginState
from plugin_host.models.delivery import (
    AttemptOutcome,
    Delivery,
    DeliveryAttempt,
    DeliveryHistory,
    DeliveryOutcome,
)
from plugin_host.services import enable_plugin
from plugin_host.state import forget_tenant_plugins
from tenants.models import Tenant
from tests.plugin_host.deliveries.conftest import MakeDelivery
from tests.plugin_host.deliveries.dispatching import dispatching, wait_until
from tests.plugin_host.installing import Install

Content = dict[str, Any]


class Flaky(Plugin, ContentLifecycleHooks):
    """Raises what a test says."""

    name = "flaky"
    version = "1.0.0"

    def __init__(self) -> None:
        super().__init__()
        self.error: BaseException | None = ConnectionError("refused")
        self.runs = 0

    async def dvp_content_published(
        self, ctx: HookContext, content_id: str, content: Content, metadata: Content | None = None
    ) -> None:
        self.runs += 1
        if self.error is not None:
            raise self.error


@pytest.fixture
def flaky(install: Install, in_tenant: Tenant) -> Flaky:
    """A plugin that is on for the tenant, with a row of its own."""
    plugin = Flaky()
    install(plugin)
    enable_plugin("flaky")
    return plugin


def publish(posts: Collection, count: int) -> None:
    for number in range(count):
        publish_record(record_id=create_record(collection=posts, data={"title": f"{number}"}).pk)


def state() -> str:
    return str(PluginSettings.objects.get(plugin_id="flaky").state)


def let_the_pause_pass(tenant: Tenant) -> None:
    PluginSettings.objects.update(paused_until=timezone.now() - timedelta(seconds=1))
    forget_tenant_plugins(tenant.pk)


def nothing_runs() -> bool:
    return not Delivery.objects.filter(status="running").exists()


def test_what_is_owed_waits_while_the_plugin_is_paused_and_nothing_of_it_is_lost(
    posts: Collection, flaky: Flaky, in_tenant: Tenant
) -> None:
    publish(posts, 30)

    with dispatching(run_delivery) as dispatcher:
        wait_until(lambda: state() == PluginState.PAUSED and nothing_runs())
        before = flaky.runs
        # Few more than five: those that ran beside the fifth.
        assert 5 <= before <= 8
        assert PluginSettings.objects.get().paused_reason.endswith("ConnectionError: refused")
        untouched = Delivery.objects.filter(failures=0)
        assert untouched.count() == 30 - before

        let_the_pause_pass(in_tenant)
        dispatcher.wake()
        wait_until(lambda: PluginBreaker.objects.get().openings == 2 and nothing_runs())
        assert flaky.runs == before + 1

        flaky.error = None
        let_the_pause_pass(in_tenant)
        dispatcher.wake()
        wait_until(lambda: state() == PluginState.ENABLED)
        with platform_scope(PlatformWork.DELIVERY_SWEEP):
            Delivery.objects.update(next_attempt_at=timezone.now())
        wait_until(lambda: not Delivery.objects.exists())

    ended = DeliveryHistory.objects.filter(plugin="flaky", event_type="record.published")
    assert set(ended.values_list("outcome", flat=True)) == {"done"}
    assert ended.count() == 30
    assert not PluginBreaker.objects.exists()


def test_a_plugin_that_is_not_ready_is_not_paused_for_that(posts: Collection, flaky: Flaky) -> None:
    flaky.error = NotReady(retry_after=60)
    publish(posts, 8)

    with dispatching(run_delivery):
        wait_until(lambda: flaky.runs == 8 and nothing_runs())

    assert state() == PluginState.ENABLED
    assert not PluginBreaker.objects.exists()


def test_a_probe_that_says_nothing_leaves_the_turn_to_the_next(
    posts: Collection, flaky: Flaky, in_tenant: Tenant
) -> None:
    flaky.error = NotReady(retry_after=60)
    publish(posts, 1)
    PluginSettings.objects.update(state=PluginState.PAUSED, paused_by_breaker=True)
    let_the_pause_pass(in_tenant)

    with dispatching(run_delivery):
        wait_until(lambda: flaky.runs == 1 and nothing_runs())

    assert state() == PluginState.PAUSED
    assert PluginSettings.objects.get().probe_until is None


def test_a_delivery_that_lost_the_turn_goes_back_and_counts_nothing(
    posts: Collection, flaky: Flaky, in_tenant: Tenant
) -> None:
    publish(posts, 1)
    PluginSettings.objects.update(state=PluginState.PAUSED, paused_by_breaker=True)
    let_the_pause_pass(in_tenant)
    (claimed,) = claim_deliveries(4, worker="test", lease_seconds=60)
    PluginSettings.objects.update(probe_until=timezone.now() + timedelta(minutes=1))

    finish_attempts([asyncio.run(run_delivery(claimed))])

    assert flaky.runs == 0
    assert [attempt.outcome for attempt in DeliveryAttempt.objects.all()] == ["released"]
    assert Delivery.objects.get().failures == 0


def test_finishing_what_went_well_is_one_statement(in_tenant: Tenant, make_delivery: MakeDelivery) -> None:
    PluginSettings.objects.create(plugin_id="echo", state=PluginState.ENABLED)
    for _ in range(3):
        make_delivery(in_tenant)
    claimed = claim_deliveries(3, worker="test", lease_seconds=60)
    results = [
        AttemptResult(
            id=one.id,
            token=one.token,
            attempt_outcome=AttemptOutcome.DONE,
            outcome=DeliveryOutcome.DONE,
            conduct=Conduct.GOOD,
        )
        for one in claimed
    ]

    with CaptureQueriesContext(connection) as queries:
        finish_attempts(results)

    assert len([query for query in queries if "plugin_host_delivery" in query["sql"]]) == 1
    assert len([query for query in queries if "set_config" not in query["sql"]]) == 1


def lose_process(times: int) -> None:
    for _ in range(times):
        with platform_scope(PlatformWork.DELIVERY_SWEEP):
            Delivery.objects.update(next_attempt_at=timezone.now())
        assert claim_deliveries(1, worker="test", lease_seconds=-1)
        recover_lost_leases()


def test_deliveries_that_kill_their_process_again_and_again_pause_the_plugin(
    in_tenant: Tenant, make_delivery: MakeDelivery
) -> None:
    PluginSettings.objects.create(plugin_id="echo", state=PluginState.ENABLED)

    make_delivery(in_tenant)
    lose_process(3)
    assert DeliveryHistory.objects.get().outcome_reason == "crashes"
    assert PluginSettings.objects.get().state == PluginState.ENABLED

    make_delivery(in_tenant)
    lose_process(3)
    assert list(DeliveryHistory.objects.values_list("outcome_reason", flat=True)) == ["crashes"] * 2
    assert PluginSettings.objects.get().state == PluginState.PAUSED
    assert "killed the processes that ran them" in PluginSettings.objects.get().paused_reason


def test_a_neighbour_of_one_that_kills_its_process_is_not_counted(
    in_tenant: Tenant, make_delivery: MakeDelivery
) -> None:
    PluginSettings.objects.create(plugin_id="echo", state=PluginState.ENABLED)
    make_delivery(in_tenant)

    lose_process(2)

    assert not PluginBreaker.objects.exists()


def test_a_hook_that_blocks_the_loop_pauses_its_plugin_at_once_and_for_a_time(
    in_tenant: Tenant, make_delivery: MakeDelivery
) -> None:
    PluginSettings.objects.create(plugin_id="echo", state=PluginState.ENABLED)
    make_delivery(in_tenant)
    (claimed,) = claim_deliveries(1, worker="test", lease_seconds=60)

    punish_blocking_hook(claimed)

    row = PluginSettings.objects.get()
    assert (row.state, row.paused_by, row.paused_by_breaker) == (PluginState.PAUSED, "breaker", True)
    assert "blocked the event loop" in row.paused_reason
    assert row.paused_until is not None
    assert Delivery.objects.get().failures == 1
