"""What is found at a good domain, and through the host."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.models import HealthVerdict
from plugin_host.testing.host import PluginEnabled
from plugin_host.testing.schedule import run_due
from tenants.models import Tenant

from .conftest import Internet, part


@pytest.fixture
def inside(tenant: Tenant) -> Iterator[Tenant]:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        yield tenant


async def test_a_good_domain_is_healthy_in_every_part(web: Internet) -> None:
    web.domain("shop.test")

    found = await web.look("shop.test")

    assert [(one.check_id.partition(".")[2], one.status.value) for one in found.details] == [
        ("https", "healthy"),
        ("tls", "healthy"),
        ("headers", "healthy"),
        ("dns", "healthy"),
        ("http", "healthy"),
    ]
    assert part(found, "tls")[1].startswith("TLSv1.3, certificate of Tests' Root, valid until")
    assert found.message.startswith(f"{web.url('shop.test')} answers 200 in ")
    assert found.response_time_ms is not None
    assert found.certificate_until is not None


def test_through_the_host_each_domain_has_a_verdict(
    inside: Tenant, web: Internet, plugin_enabled: PluginEnabled
) -> None:
    web.domain(f"{inside.slug}.test")

    plugin_enabled("domain-health-monitor", inside)
    runs = [run for run in run_due(inside) if run.kind == "check"]

    assert [(run.item_id, run.target) for run in runs] == [
        ("domain-health-monitor.domain", f"{inside.slug}.test")
    ]
    verdict = HealthVerdict.objects.get(plugin="domain-health-monitor")
    assert (verdict.status, verdict.trouble) == ("healthy", ""), verdict.message
