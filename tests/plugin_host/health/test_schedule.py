"""Checks by the clock: items for each target, due at once, by interval, after NotReady; off means off."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.errors import NotReady
from plugin_host.hooks.health_monitor import HealthCheckDefinition, HealthStatus
from plugin_host.models import HealthResult, HealthVerdict
from plugin_host.models.breaker import PluginBreaker
from plugin_host.models.schedule import ScheduledItem, ScheduledRun
from plugin_host.registry import PluginRegistry
from plugin_host.services import disable_plugin, enable_plugin, pause_plugin, set_secret
from plugin_host.testing.host import deliver_all
from plugin_host.testing.schedule import learn_definitions, run_due
from tenants.models import Tenant
from tenants.services.directory import add_domain, remove_domain
from tests.plugin_host.health.watchers import RUBBISH, Lister, Watcher, detail, result
from tests.plugin_host.installing import no_plugins

__all__ = ["no_plugins"]


@pytest.fixture
def watcher(no_plugins: object, in_tenant: Tenant) -> Watcher:
    """The plugin, registered and switched on for the tenant in scope, its check known and not yet run."""
    made = Watcher()
    PluginRegistry().register(made)
    enable_plugin("watcher")
    learn_definitions(in_tenant)
    return made


@pytest.fixture
def lister(no_plugins: object, in_tenant: Tenant) -> Lister:
    made = Lister()
    PluginRegistry().register(made)
    enable_plugin("lister")
    learn_definitions(in_tenant)
    return made


def items(**fields: Any) -> list[tuple[str, str]]:
    found = ScheduledItem.objects.filter(kind="check", **fields).order_by("item_id", "target")
    return [(item.item_id, item.target) for item in found]


def item() -> ScheduledItem:
    found: ScheduledItem = ScheduledItem.objects.get(kind="check")
    return found


def planned() -> datetime:
    """When the only check runs next."""
    moment = item().next_run_at
    assert moment is not None
    return moment


def test_a_check_runs_as_soon_as_it_is_known_and_then_by_its_interval(
    watcher: Watcher, in_tenant: Tenant
) -> None:
    assert planned() <= timezone.now()

    (first,) = run_due(in_tenant)

    assert (first.item_id, first.target, first.ended) == (
        "watcher.default",
        f"{in_tenant.slug}.test",
        "done",
    )
    following = planned()
    assert timedelta(0) < following - first.scheduled_time <= timedelta(seconds=300)
    assert run_due(in_tenant) == []
    (second,) = run_due(in_tenant, now=following)
    assert second.scheduled_time == following
    assert planned() == following + timedelta(seconds=300)
    assert list(HealthResult.objects.order_by("id").values_list("id", "reason", "status")) == [
        (first.execution_id, "schedule", "healthy"),
        (second.execution_id, "schedule", "healthy"),
    ]
    assert HealthVerdict.objects.get().result_id == second.execution_id


def test_a_check_without_a_target_follows_the_domains(watcher: Watcher, in_tenant: Tenant) -> None:
    host, other = f"{in_tenant.slug}.test", f"www.{in_tenant.slug}.test"
    add_domain(host=other)
    run_due(in_tenant)

    assert items(retired_at=None) == [("watcher.default", host), ("watcher.default", other)]
    assert sorted(call[2] for call in watcher.calls) == [host, other]

    remove_domain(host=other)
    learn_definitions(in_tenant)

    assert items(retired_at=None) == [("watcher.default", host)]
    assert HealthVerdict.objects.get().target == host


def test_the_second_form_runs_by_the_clock_too(lister: Lister, in_tenant: Tenant) -> None:
    runs = run_due(in_tenant)

    assert sorted((run.item_id, run.ended) for run in runs) == [
        ("lister.api", "done"),
        ("lister.ping", "done"),
    ]
    called = {check.check_id: (check, ctx, execution) for check, ctx, execution in lister.calls}
    check, ctx, execution = called["lister.api"]
    assert check == lister.checks[1]
    assert (execution.domain, execution.attempt) == ("api.example.org", 1)
    assert execution.execution_id in [run.execution_id for run in runs]
    assert ctx.metadata["execution_id"] == str(execution.execution_id)


def test_a_change_of_verdict_is_told_by_a_delivery(watcher: Watcher, in_tenant: Tenant) -> None:
    run_due(in_tenant)
    watcher.answer = lambda: result(HealthStatus.UNHEALTHY, detail(HealthStatus.UNHEALTHY, "no answer"))
    run_due(in_tenant, now=planned())

    deliver_all(in_tenant)

    ((ctx, check, previous, current),) = watcher.told
    assert (check.check_id, check.target) == ("watcher.default", f"{in_tenant.slug}.test")
    assert (previous, current) == (HealthStatus.HEALTHY, HealthStatus.UNHEALTHY)
    assert ctx.metadata["message"] == "no answer"


def test_not_ready_is_looked_at_again_when_it_asked_to(watcher: Watcher, in_tenant: Tenant) -> None:
    def not_ready() -> Any:
        raise NotReady("Starting up.", retry_after=20)

    watcher.answer = not_ready

    (first,) = run_due(in_tenant)

    assert (first.ended, first.wait_seconds) == ("", 20)
    verdict = HealthVerdict.objects.get()
    assert (verdict.status, verdict.trouble, verdict.retry_after_seconds) == ("unhealthy", "not_ready", 20)
    watcher.answer = lambda: result(HealthStatus.HEALTHY)
    (second,) = run_due(in_tenant, waiting=True, now=item().planned_at)
    assert (second.ended, second.attempt, second.scheduled_time) == ("done", 2, first.scheduled_time)
    assert HealthVerdict.objects.get().status == "healthy"
    assert HealthResult.objects.count() == 2


def test_who_is_not_ready_for_longer_waits_for_the_next_run(watcher: Watcher, in_tenant: Tenant) -> None:
    def not_ready() -> Any:
        raise NotReady(retry_after=3600)

    watcher.answer = not_ready

    (run,) = run_due(in_tenant)

    assert (run.ended, run.wait_seconds) == ("done_with_errors", 0)


def test_an_exception_is_kept_with_its_traceback(watcher: Watcher, in_tenant: Tenant) -> None:
    def fail() -> Any:
        raise LookupError("no such host")

    watcher.answer = fail

    (run,) = run_due(in_tenant)

    assert (run.ended, run.data["status"]) == ("done_with_errors", "unhealthy")
    assert "Traceback" in run.error
    assert HealthVerdict.objects.get().message == "LookupError: no such host"


def test_trouble_of_the_other_side_does_not_count_against_the_plugin(
    watcher: Watcher, in_tenant: Tenant
) -> None:
    def fail() -> Any:
        raise ConnectionError("refused")

    watcher.answer = fail
    for _ in range(12):
        run_due(in_tenant, now=planned())

    assert HealthResult.objects.count() == 12
    assert not PluginBreaker.objects.exists()


def test_rubbish_counts_against_the_plugin(watcher: Watcher, in_tenant: Tenant) -> None:
    watcher.answer = RUBBISH["a text"][0]

    run_due(in_tenant)

    assert PluginBreaker.objects.get().failures == 1


def test_a_change_of_configuration_has_the_checks_run_at_once(watcher: Watcher, in_tenant: Tenant) -> None:
    run_due(in_tenant)
    assert run_due(in_tenant) == []

    set_secret("watcher", "token", "another one")

    assert [run.item_id for run in run_due(in_tenant)] == ["watcher.default"]


def test_off_means_off(watcher: Watcher, in_tenant: Tenant) -> None:
    run_due(in_tenant)
    later = planned() + timedelta(days=1)
    for step in (pause_plugin, disable_plugin):
        step("watcher")
        run_due(in_tenant, now=later)
        assert ScheduledRun.objects.filter(kind="check").exclude(outcome="done").count() == 0

    assert len(watcher.calls) == 1
    enable_plugin("watcher")
    run_due(in_tenant)
    assert len(watcher.calls) == 2


def test_what_a_check_finds_while_its_plugin_is_switched_off_is_dropped(
    lister: Lister, in_tenant: Tenant
) -> None:
    def switch_off() -> None:
        with tenant_scope(in_tenant.pk, actor=system_actor("tests")):
            disable_plugin("lister")

    lister.before = switch_off

    run_due(in_tenant)

    assert lister.calls
    assert HealthVerdict.objects.count() == 0


def test_checks_that_a_new_list_does_not_name_are_retired(lister: Lister, in_tenant: Tenant) -> None:
    run_due(in_tenant)
    lister.checks = [
        HealthCheckDefinition("lister.api", "API", target="api.example.org", interval_seconds=60)
    ]
    disable_plugin("lister")
    enable_plugin("lister")
    learn_definitions(in_tenant)

    assert items(retired_at=None) == [("lister.api", "api.example.org")]
    assert [row.check_id for row in HealthVerdict.objects.all()] == ["lister.api"]
    assert HealthResult.objects.filter(check_id="lister.ping").count() == 1


def test_a_stored_definition_that_cannot_be_read_holds_nobody_up(lister: Lister, in_tenant: Tenant) -> None:
    ScheduledItem.objects.filter(item_id="lister.api").update(definition={"from": "another version"})

    runs = run_due(in_tenant)

    assert {run.item_id: (run.ended, run.reason) for run in runs} == {
        "lister.api": ("dead", "definition"),
        "lister.ping": ("done", ""),
    }
    assert [row.check_id for row in HealthVerdict.objects.all()] == ["lister.ping"]
