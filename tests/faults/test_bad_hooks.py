"""Hooks that kill their process or hold it up; the deliveries of others go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.actors import system_actor
from core.scope import tenant_scope
from core.services.collections import create_collection
from core.services.records import create_record
from plugin_host.models.delivery import Delivery, DeliveryAttempt, DeliveryHistory
from plugin_host.models.settings import PluginSettings, PluginState
from tenants.models import Tenant
from tests.faults.installation import Installation, wait_until

PLUGIN = """
import os
import signal
import time

from plugin_host.base import Plugin
from plugin_host.hookspec import ContentLifecycleHooks


class Misbehaving(Plugin, ContentLifecycleHooks):
    name = "misbehaving"
    version = "1.0.0"

    async def dvp_content_published(self, ctx, content_id, content, metadata=None):
        if content["title"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if content["title"] == "block":
            time.sleep(600)
"""


@pytest.fixture
def misbehaving(installation: Installation, tenant: Tenant, tmp_path: Path) -> None:
    """An installation with one plugin more, on for the tenant."""
    package = tmp_path / "plugins" / "misbehaving"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(PLUGIN)
    installation.extra["PLUGINS_DIR"] = str(package.parent)
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        PluginSettings.objects.create(plugin_id="misbehaving", state=PluginState.ENABLED)
        schema = {"type": "object", "properties": {"title": {"type": "string"}}}
        create_collection(name="posts", schema=schema, has_pages=False)


def publish(installation: Installation, tenant: Tenant, *titles: str) -> list[str]:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        records = [str(create_record(collection="posts", data={"title": title}).pk) for title in titles]
    publisher = installation.start("-m", "tests.faults.publisher", str(tenant.pk), *records)
    wait_until(lambda: publisher.poll() == 0, installation)
    return records


def outcomes(tenant: Tenant) -> dict[str, tuple[str, str]]:
    with tenant_scope(tenant.pk):
        rows = DeliveryHistory.objects.values_list("record_id", "outcome", "outcome_reason")
        return {str(record): (outcome, reason) for record, outcome, reason in rows}


@pytest.mark.usefixtures("misbehaving")
def test_a_delivery_that_kills_its_process_ends_after_three_times(
    installation: Installation, tenant: Tenant
) -> None:
    installation.start_beat()
    worker = installation.start_worker()

    poison, *others = publish(installation, tenant, "kill", *["fine"] * 20)
    wait_until(lambda: len(outcomes(tenant)) == 21, installation)

    assert outcomes(tenant) == {poison: ("dead", "crashes")} | dict.fromkeys(others, ("done", ""))
    with tenant_scope(tenant.pk):
        assert DeliveryHistory.objects.get(record_id=poison).crashes == 3
        assert DeliveryHistory.objects.exclude(record_id=poison).filter(crashes__gt=1).count() == 0
    assert worker.poll() is None


@pytest.mark.usefixtures("misbehaving")
def test_a_hook_that_blocks_the_loop_pauses_its_plugin(installation: Installation, tenant: Tenant) -> None:
    installation.start_beat()
    installation.start_worker()

    publish(installation, tenant, "block")

    def state() -> str:
        with tenant_scope(tenant.pk):
            return str(PluginSettings.objects.get(plugin_id="misbehaving").state)

    wait_until(lambda: state() == PluginState.PAUSED, installation)
    with tenant_scope(tenant.pk):
        (attempt,) = DeliveryAttempt.objects.all()
        assert attempt.outcome == "timed_out"
        assert "blocked the event loop" in attempt.error
        assert Delivery.objects.get().failures == 1
        reason = PluginSettings.objects.get(plugin_id="misbehaving").paused_reason
    assert "dvp_content_published" in reason
