"""Deliveries made by hand, so that claiming and finishing can be looked at without plugins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.actors import system_actor
from core.models import Event
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from plugin_host.deliveries.creation import new_delivery
from plugin_host.models.delivery import Delivery, DeliveryAttempt, DeliveryHistory
from tenants.models import Tenant
from tests.plugin_host.installing import install, no_plugins, posts

__all__ = ["install", "no_plugins", "posts"]

MakeDelivery = Callable[..., Delivery]


@pytest.fixture(autouse=True)
def no_open_work() -> None:
    """Claiming looks at all tenants, so what other tests left open has to go."""
    with platform_scope(PlatformWork.DELIVERY_SWEEP):
        Delivery.objects.all().delete()


@pytest.fixture
def make_delivery() -> MakeDelivery:
    """Make deliveries as a commit leaves them."""

    def make(
        tenant: Tenant, *, plugin: str = "echo", hook: str = "dvp_content_published", **event: Any
    ) -> Delivery:
        with tenant_scope(tenant.id, slug=tenant.slug, actor=system_actor("tests")):
            made = Event.objects.create(
                **{"type": "record.published", "collection_name": "posts", "actor": "system:tests"} | event
            )
            delivery = new_delivery(made, plugin, hook)
            delivery.save()
        return delivery

    return make


def open_delivery(delivery: Delivery) -> Delivery | None:
    with platform_scope(PlatformWork.DELIVERY_SWEEP):
        return Delivery.objects.filter(pk=delivery.pk).first()


def ended(delivery: Delivery) -> DeliveryHistory | None:
    with platform_scope(PlatformWork.DELIVERY_SWEEP):
        return DeliveryHistory.objects.filter(pk=delivery.pk).first()


def attempts(delivery: Delivery) -> list[DeliveryAttempt]:
    with platform_scope(PlatformWork.DELIVERY_SWEEP):
        return list(DeliveryAttempt.objects.filter(delivery_id=delivery.pk).order_by("number"))
