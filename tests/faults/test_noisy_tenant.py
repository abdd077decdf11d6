"""One tenant with very much slow work, beside many with a little."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.actors import system_actor
from core.models import Event
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from plugin_host.deliveries.creation import new_delivery
from plugin_host.models.delivery import Delivery, DeliveryHistory
from plugin_host.models.settings import PluginSettings, PluginState
from plugin_host.testing.host import make_tenant
from tenants.models import Tenant
from tests.faults.installation import Installation, wait_until

NOISY, OTHERS, OF_EACH = 10_000, 50, 10
HOOK = "dvp_after_event_publish"
PLUGIN = """
import asyncio

from plugin_host.base import Plugin
from plugin_host.hookspec import EventHooks


class Weighing(Plugin, EventHooks):
    name = "weighing"
    version = "1.0.0"

    async def dvp_after_event_publish(self, ctx, event):
        await asyncio.sleep(event["payload"]["seconds"])
"""


@pytest.fixture
def weighing(installation: Installation, tmp_path: Path) -> Iterator[None]:
    package = tmp_path / "plugins" / "weighing"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(PLUGIN)
    installation.extra["PLUGINS_DIR"] = str(package.parent)
    yield
    installation.stop_all()
    with platform_scope(PlatformWork.DELIVERY_SWEEP):
        Delivery.objects.all().delete()


def owe(tenant: Tenant, count: int, *, seconds: float) -> None:
    """Leave deliveries as so many commits do."""
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        PluginSettings.objects.create(plugin_id="weighing", state=PluginState.ENABLED)
        events = Event.objects.bulk_create(
            Event(type="record.published", actor="system:tests", payload={"seconds": seconds})
            for _ in range(count)
        )
        Delivery.objects.bulk_create(new_delivery(event, "weighing", HOOK) for event in events)


@pytest.mark.usefixtures("weighing")
def test_a_noisy_tenant_with_slow_hooks_does_not_keep_the_others_waiting(
    installation: Installation, tenant: Tenant
) -> None:
    others = [make_tenant() for _ in range(OTHERS)]
    owe(tenant, NOISY, seconds=0.5)
    for other in others:
        owe(other, OF_EACH, seconds=0.005)

    def ended(of: list[Tenant]) -> int:
        with platform_scope(PlatformWork.DELIVERY_SWEEP):
            return DeliveryHistory.objects.filter(tenant__in=of, outcome="done").count()

    installation.start_beat()
    installation.start_worker()
    wait_until(lambda: ended(others) == OTHERS * OF_EACH, installation)

    noisy = ended([tenant])
    print(f"{OTHERS * OF_EACH} of the others were done when {noisy} of the noisy tenant's {NOISY} were")
    # It was there first, and did not stand in anybody's way; now it goes on.
    assert noisy < NOISY / 20
    wait_until(lambda: ended([tenant]) > noisy, installation)
