from __future__ import annotations

import pytest

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.models import HealthVerdict
from plugin_host.services import save_config
from plugin_host.testing import DeliverAll, HttpPeer, PluginScope, RunDue, Tenant


@pytest.mark.parametrize(
    ("answer", "status", "trouble"),
    [(200, "healthy", ""), (401, "unhealthy", "auth_failed"), (503, "unhealthy", "not_ready")],
)
def test_the_service_is_watched(
    tenant: Tenant,
    http_peer: HttpPeer,
    run_due: RunDue,
    deliver_all: DeliverAll,
    plugin_scope: PluginScope,
    answer: int,
    status: str,
    trouble: str,
) -> None:
    url = http_peer.answer("/status", answer)
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        save_config("weather", {"url": url})

    runs = run_due()

    assert [(run.item_id, run.target) for run in runs if run.kind == "check"] == [("weather.api", url)]
    with plugin_scope("weather", tenant):
        verdict = HealthVerdict.objects.get()
    assert (verdict.status, verdict.trouble, verdict.severity) == (status, trouble, "critical")
    told = [line for run in deliver_all(tenant) for line in run.log if "before unknown" in line]
    assert told == ([] if status == "healthy" else [f"Weather service of {url}: unhealthy, before unknown"])
