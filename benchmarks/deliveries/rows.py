"""Deliveries to be made, written straight into the tables."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection, transaction
from django.utils import timezone

from core.actors import system_actor
from core.ids import uuid7
from core.models import Event
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from core.services.collections import create_collection
from plugin_host.deliveries.creation import new_delivery
from plugin_host.deliveries.doorbell import doorbell
from plugin_host.models.delivery import Delivery
from plugin_host.testing.host import enable_plugin, make_tenant
from tenants.models import Tenant

_HOOKS = {
    "record.published": "dvp_content_published",
    "record.unpublished": "dvp_content_unpublished",
}


def prepare() -> Tenant:
    """Return a tenant with a collection and the idle plugin on."""
    tenant = make_tenant()
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("bench")):
        create_collection(
            name="posts",
            schema={"type": "object", "properties": {"title": {"type": "string"}}},
            has_pages=False,
        )
    enable_plugin("idle", tenant)
    return tenant


def owe(tenant: Tenant, event_type: str, count: int) -> None:
    """Write that many deliveries that are not due yet, each of another record."""
    now = timezone.now()
    payload = {
        "title": "A post",
        "slug": "a-post",
        "locale": "",
        "status": "published",
        "version": 2,
        "data": {"title": "A post"},
        "author": None,
        "created_at": now.isoformat(),
        "updated_at": now.isoformat(),
        "published_at": now.isoformat(),
    }
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("bench")), transaction.atomic():
        events = Event.objects.bulk_create(
            Event(
                type=event_type,
                collection_name="posts",
                record_id=uuid7(),
                record_version=2,
                payload=payload,
                actor="system:bench",
                created_at=now,
            )
            for _ in range(count)
        )
        rows = [new_delivery(event, "idle", _HOOKS[event_type]) for event in events]
        for row in rows:
            row.next_attempt_at = now + timedelta(hours=1)
        Delivery.objects.bulk_create(rows)


def make_due() -> None:
    """Let all of them begin."""
    with platform_scope(PlatformWork.DELIVERY_SWEEP), connection.cursor() as cursor:
        cursor.execute("UPDATE plugin_host_delivery SET next_attempt_at = now()")
    doorbell.ring()


def none_is_open() -> bool:
    """Say whether all of them have ended."""
    with platform_scope(PlatformWork.DELIVERY_SWEEP):
        return not Delivery.objects.exists()
