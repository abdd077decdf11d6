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
from tests.faults.installation import Installation, pool_children, wait_until

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
HANGING = """
import asyncio
import time

from plugin_host.base import Plugin
from plugin_host.hookspec import ContentLifecycleHooks


class Hanging(Plugin, ContentLifecycleHooks):
    name = "hanging"
    version = "1.0.0"
    time_limits = {"dvp_content_published": 1}

    def register(self, ctx):
        ctx.on("dvp_content_published", self.listen_to_nobody)

    def dvp_content_published(self, ctx, content_id, content, metadata=None):
        if content["title"] == "hang":
            time.sleep(600)

    async def listen_to_nobody(self, ctx, content_id, content, metadata=None):
        while content["title"] == "deaf":
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                pass
"""
STEADY = """
from plugin_host.base import Plugin
from plugin_host.hookspec import ContentLifecycleHooks


class Steady(Plugin, ContentLifecycleHooks):
    name = "steady"
    version = "1.0.0"

    def dvp_content_published(self, ctx, content_id, content, metadata=None):
        pass
"""


@pytest.fixture
def misbehaving(installation: Installation, tenant: Tenant, tmp_path: Path) -> None:
    """An installation with one plugin more, on for the tenant."""
    add_plugins(installation, tmp_path, misbehaving=PLUGIN)
    switch_on(tenant, "misbehaving")


@pytest.fixture
def hanging(installation: Installation, tenant: Tenant, other_tenant: Tenant, tmp_path: Path) -> None:
    """An installation with a plugin that hangs and one that does not; both tenants have both."""
    installation.keep_paused()
    add_plugins(installation, tmp_path, hanging=HANGING, steady=STEADY)
    for one in (tenant, other_tenant):
        switch_on(one, "hanging", "steady")


def add_plugins(installation: Installation, folder: Path, **sources: str) -> None:
    for name, source in sources.items():
        package = folder / "plugins" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(source)
    installation.extra["PLUGINS_DIR"] = str(folder / "plugins")


def switch_on(tenant: Tenant, *plugins: str) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        for plugin in plugins:
            PluginSettings.objects.create(plugin_id=plugin, state=PluginState.ENABLED)
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
    installation.keep_paused()
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


def ended(tenant: Tenant, plugin: str) -> int:
    with tenant_scope(tenant.pk):
        return DeliveryHistory.objects.filter(
            plugin=plugin, event_type="record.published", outcome="done"
        ).count()


def settings_of(tenant: Tenant, plugin: str) -> PluginSettings:
    with tenant_scope(tenant.pk):
        row: PluginSettings = PluginSettings.objects.get(plugin_id=plugin)
    return row


@pytest.mark.usefixtures("hanging")
@pytest.mark.parametrize("how", ["hang", "deaf"])
def test_hooks_that_never_end_are_paused_and_neither_plugin_nor_tenant_beside_them_waits(
    installation: Installation, tenant: Tenant, other_tenant: Tenant, how: str
) -> None:
    installation.start_beat()
    worker = installation.start_worker()

    publish(installation, tenant, *[how] * 90)
    publish(installation, other_tenant, *["fine"] * 30)
    wait_until(lambda: settings_of(tenant, "hanging").state == PluginState.PAUSED, installation)
    # Both of its hooks, for each of the other tenant's records.
    wait_until(lambda: ended(other_tenant, "hanging") == 60, installation)
    wait_until(lambda: (ended(tenant, "steady"), ended(other_tenant, "steady")) == (90, 30), installation)

    paused = settings_of(tenant, "hanging")
    assert paused.paused_by_breaker
    assert "took longer than allowed" in paused.paused_reason
    assert settings_of(other_tenant, "hanging").state == PluginState.ENABLED
    assert settings_of(tenant, "steady").state == PluginState.ENABLED
    with tenant_scope(tenant.pk):
        # None is dropped, and those that were not begun have all their tries.
        waiting = Delivery.objects.filter(plugin="hanging")
        assert waiting.filter(failures=0).exists()
        assert not DeliveryHistory.objects.filter(plugin="hanging", outcome="dead").exists()
    assert worker.poll() is None


@pytest.mark.usefixtures("hanging")
def test_a_process_in_which_too_many_hooks_hang_is_replaced(
    installation: Installation, tenant: Tenant, other_tenant: Tenant
) -> None:
    installation.extra["BREAKER_TIMEOUTS"] = "0"
    installation.start_beat()
    worker = installation.start_worker()
    wait_until(lambda: len(pool_children(worker)) == 2, installation)
    before = set(pool_children(worker))

    publish(installation, tenant, *["hang"] * 30)
    wait_until(lambda: installation.has_logged("Too many hooks of this process do not return"), installation)
    publish(installation, other_tenant, *["fine"] * 5)
    wait_until(
        lambda: (ended(other_tenant, "hanging"), ended(other_tenant, "steady")) == (10, 5), installation
    )

    wait_until(lambda: set(pool_children(worker)) - before, installation)
    assert worker.poll() is None
