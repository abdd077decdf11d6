"""Results are kept for a month, and not more of each check and target than a chart needs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope, use_scope
from plugin_host.health.retention import delete_old_results
from plugin_host.hooks.health_monitor import HealthCheckDefinition, HealthStatus
from plugin_host.models import HealthResult, HealthVerdict
from plugin_host.tasks import clean_up_health
from tenants.models import Tenant
from tests.plugin_host.health.history import past_results

HEALTHY = HealthStatus.HEALTHY
PING = HealthCheckDefinition("watcher.ping", "Ping", "a.test")


@pytest.fixture(autouse=True)
def nothing_of_others() -> None:
    """Cleaning up looks at all tenants."""
    with platform_scope(PlatformWork.CLEAN_UP):
        HealthResult.objects.all().delete()
        HealthVerdict.objects.all().delete()


def test_results_of_the_last_month_are_kept(in_tenant: Tenant) -> None:
    results = past_results(PING, [HEALTHY] * 40, every=timedelta(days=1))

    with use_scope(None):
        clean_up_health()

    assert HealthResult.objects.count() == 30
    assert HealthVerdict.objects.get().result_id == results[-1].pk


def test_each_check_and_target_keeps_its_newest(in_tenant: Tenant, other_tenant: Tenant) -> None:
    mine = past_results(PING, [HEALTHY] * 8)
    elsewhere = past_results(HealthCheckDefinition("watcher.ping", "Ping", "b.test"), [HEALTHY] * 3)
    with tenant_scope(other_tenant.pk, slug=other_tenant.slug):
        theirs = past_results(PING, [HEALTHY] * 6)

    assert delete_old_results(most=5) == 4

    kept = [*mine[3:], *elsewhere]
    assert set(HealthResult.objects.values_list("pk", flat=True)) == {result.pk for result in kept}
    with tenant_scope(other_tenant.pk):
        assert set(HealthResult.objects.values_list("pk", flat=True)) == {one.pk for one in theirs[1:]}
    assert delete_old_results(most=5) == 0
