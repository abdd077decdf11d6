"""Results, verdicts, and who is told when one changes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.models import Event
from core.scope import tenant_scope
from plugin_host.health.findings import Finding
from plugin_host.health.recording import forget_verdicts, record_finding
from plugin_host.health.verdicts import plugins_health
from plugin_host.hooks.health_monitor import HealthCheckDefinition, HealthSeverity, HealthStatus
from plugin_host.models import Delivery, HealthResult, HealthVerdict
from plugin_host.models.health import HealthTrouble
from plugin_host.testing.host import DeliverAll
from tenants.models import Tenant
from tests.plugin_host.health.test_execution import PING, run_of
from tests.plugin_host.health.watchers import Watcher
from tests.plugin_host.installing import Install

HEALTHY, DEGRADED = HealthStatus.HEALTHY, HealthStatus.DEGRADED
UNHEALTHY, UNKNOWN = HealthStatus.UNHEALTHY, HealthStatus.UNKNOWN


def finding(status: HealthStatus, **fields: Any) -> Finding:
    return Finding(status=status, duration_ms=4.0, **fields)


@pytest.fixture
def watcher(in_tenant: Tenant, install: Install) -> Watcher:
    made = install(Watcher())
    assert isinstance(made, Watcher)
    return made


def changes() -> list[tuple[str, str]]:
    events = Event.objects.filter(type="health.changed").order_by("id")
    return [(event.payload["previous"], event.payload["current"]) for event in events]


def test_a_result_and_a_verdict_are_stored(watcher: Watcher) -> None:
    run = run_of()
    details = [{"check_id": "part", "status": "degraded", "severity": "info", "message": "slow"}]

    record_finding(
        run, finding(DEGRADED, message="slow", details=details, response_time_ms=210.0, retry_after_seconds=5)
    )

    verdict, stored = HealthVerdict.objects.get(), HealthResult.objects.get()
    for row in (verdict, stored):
        assert (row.plugin, row.check_id, row.target, row.status) == (
            "watcher",
            "watcher.ping",
            "example.org",
            "degraded",
        )
        assert (row.severity, row.message, row.response_time_ms, row.duration_ms) == (
            "warning",
            "slow",
            210,
            4,
        )
        assert row.details == details
    assert stored.pk == verdict.result_id == run.execution_id
    assert verdict.definition["name"] == "Ping"


@pytest.mark.parametrize(
    ("statuses", "told"),
    [
        ([HEALTHY], []),
        ([HEALTHY, HEALTHY], []),
        ([UNHEALTHY], [(UNKNOWN, UNHEALTHY)]),
        ([DEGRADED], [(UNKNOWN, DEGRADED)]),
        ([UNKNOWN, HEALTHY], []),
        ([HEALTHY, UNHEALTHY], [(HEALTHY, UNHEALTHY)]),
        ([HEALTHY, UNKNOWN, HEALTHY], [(HEALTHY, UNKNOWN), (UNKNOWN, HEALTHY)]),
        ([UNHEALTHY, UNHEALTHY, HEALTHY], [(UNKNOWN, UNHEALTHY), (UNHEALTHY, HEALTHY)]),
        (
            [HEALTHY, DEGRADED, HEALTHY, DEGRADED],
            [(HEALTHY, DEGRADED), (DEGRADED, HEALTHY), (HEALTHY, DEGRADED)],
        ),
    ],
)
def test_changes_of_the_status_are_told(
    watcher: Watcher, statuses: list[HealthStatus], told: list[tuple[HealthStatus, HealthStatus]]
) -> None:
    for status in statuses:
        record_finding(run_of(), finding(status))

    assert changes() == told
    assert HealthVerdict.objects.get().changes == len(told)
    assert HealthResult.objects.count() == len(statuses)


def test_another_kind_of_trouble_is_no_change(watcher: Watcher) -> None:
    for trouble in HealthTrouble:
        record_finding(run_of(), finding(UNHEALTHY, trouble=trouble))

    assert changes() == [("unknown", "unhealthy")]
    assert HealthVerdict.objects.get().trouble == "broken"


def test_targets_have_verdicts_of_their_own(watcher: Watcher) -> None:
    for target, status in (("a.test", HEALTHY), ("b.test", UNHEALTHY)):
        record_finding(run_of(check=HealthCheckDefinition("watcher.ping", "Ping", target)), finding(status))

    assert dict(HealthVerdict.objects.values_list("target", "status")) == {
        "a.test": "healthy",
        "b.test": "unhealthy",
    }


def test_the_time_since_when_a_status_holds_is_kept(watcher: Watcher) -> None:
    first, second = run_of(), run_of()
    record_finding(first, finding(UNHEALTHY))
    record_finding(second, finding(UNHEALTHY))

    verdict = HealthVerdict.objects.get()
    assert (verdict.status_since, verdict.checked_at) == (first.started_at, second.started_at)


def test_a_run_that_ends_late_does_not_undo_a_later_one(watcher: Watcher) -> None:
    late = run_of(started_at=run_of().started_at - timedelta(minutes=1))
    record_finding(run_of(), finding(HEALTHY))

    record_finding(late, finding(UNHEALTHY))

    assert HealthVerdict.objects.get().status == "healthy"
    assert HealthResult.objects.count() == 2
    assert changes() == []


def test_plugins_are_told_through_a_delivery(
    watcher: Watcher, in_tenant: Tenant, deliver_all: DeliverAll
) -> None:
    record_finding(run_of(), finding(UNHEALTHY, trouble=HealthTrouble.AUTH_FAILED, message="401"))
    assert Delivery.objects.get().hook == "dvp_health_status_changed"

    (run,) = deliver_all(in_tenant)

    assert run.ended == "done"
    ((ctx, check, previous, current),) = watcher.told
    assert (check, previous, current) == (PING, UNKNOWN, UNHEALTHY)
    assert (ctx.metadata["plugin"], ctx.metadata["trouble"], ctx.metadata["message"]) == (
        "watcher",
        "auth_failed",
        "401",
    )
    assert ctx.metadata["delivery_id"] == str(run.id)


def test_change_and_event_vanish_together(watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **named: Any) -> None:
        raise RuntimeError("no deliveries today")

    monkeypatch.setattr("plugin_host.dispatch.receivers.create_deliveries", fail)

    with pytest.raises(RuntimeError):
        record_finding(run_of(), finding(UNHEALTHY))

    assert (HealthVerdict.objects.count(), HealthResult.objects.count(), changes()) == (0, 0, [])


@pytest.mark.parametrize(
    ("status", "severity", "is_sick"),
    [
        (UNHEALTHY, HealthSeverity.CRITICAL, True),
        (UNHEALTHY, HealthSeverity.WARNING, True),
        (UNHEALTHY, HealthSeverity.INFO, False),
        (DEGRADED, HealthSeverity.CRITICAL, False),
        (UNKNOWN, HealthSeverity.CRITICAL, False),
        (HEALTHY, HealthSeverity.CRITICAL, False),
    ],
)
def test_a_plugin_is_sick_while_a_check_that_counts_is_unhealthy(
    watcher: Watcher, in_tenant: Tenant, status: HealthStatus, severity: HealthSeverity, is_sick: bool
) -> None:
    plugins_health(in_tenant.pk)
    check = HealthCheckDefinition("watcher.ping", "Ping", "a", severity)
    record_finding(run_of(check=check), finding(status))

    assert plugins_health(in_tenant.pk)["watcher"].is_sick is is_sick
    record_finding(run_of(check=check), finding(HEALTHY))
    assert plugins_health(in_tenant.pk)["watcher"].is_sick is False


def test_checks_that_are_no_more_are_forgotten(watcher: Watcher, in_tenant: Tenant) -> None:
    for name in ("ping", "gone"):
        check = HealthCheckDefinition(f"watcher.{name}", name, "a")
        record_finding(run_of(check=check), finding(UNHEALTHY))

    assert forget_verdicts("watcher", keep=[("watcher.ping", "a")]) == 1

    assert HealthVerdict.objects.get().check_id == "watcher.ping"
    assert HealthResult.objects.count() == 2
    forget_verdicts("watcher", keep=[])
    assert plugins_health(in_tenant.pk) == {}


def test_another_tenant_has_verdicts_of_its_own(
    watcher: Watcher, in_tenant: Tenant, other_tenant: Tenant
) -> None:
    record_finding(run_of(), finding(UNHEALTHY))

    with tenant_scope(other_tenant.pk):
        assert (HealthVerdict.objects.count(), HealthResult.objects.count()) == (0, 0)
    assert plugins_health(other_tenant.pk) == {}
    assert plugins_health(in_tenant.pk)["watcher"].worst is UNHEALTHY
