from __future__ import annotations

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.runtime import store
from plugin_host.runtime_state import plugin_run
from plugin_host.state import tenant_plugins
from plugin_host.testing.schedule import run_task
from tenants.models import Tenant


def test_the_task_counts_and_decides_when_to_try_again(tenant: Tenant) -> None:
    counted = [run_task(tenant, "nightly.count") for _ in range(2)]

    assert [(run.ended, run.data) for run in counted] == [("done", {"nights": 1}), ("done", {"nights": 2})]

    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        with plugin_run(tenant_plugins(tenant.pk)["nightly"].run(hook="test", tenant_slug=tenant.slug)):
            store.set("holiday", True)
    failed = run_task(tenant, "nightly.count")

    assert (failed.ended, failed.wait_seconds) == ("", 86_400)
    assert "Tried again in 86400 seconds, says plugin nightly: On holiday" in failed.error
