from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
import redis
from django.conf import settings
from django.test import Client
from django.utils import timezone

from cms_project.readiness import LATE_SECONDS, SILENT_SECONDS
from cms_project.worker_progress import PROGRESS_KEY
from core.ids import uuid7
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from plugin_host.dispatch.hook_runner import hook_runner
from plugin_host.models import Delivery, PluginSettings, PluginState
from plugin_host.runner import Handler
from plugin_host.testing.host import make_tenant
from tenants.models import Tenant, TenantStatus
from tests.plugin_host.deliveries.conftest import MakeDelivery, make_delivery, no_open_work
from tests.plugin_host.deliveries.dispatching import wait_until

__all__ = ["make_delivery", "no_open_work"]


@pytest.fixture
def progress() -> Iterator[redis.Redis]:
    """The worker's note, forgotten afterwards."""
    key = PROGRESS_KEY.format(prefix=settings.DATABASE_ROLE_PREFIX)
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.delete(key)
        yield client
        client.delete(key)


def note(progress: redis.Redis, *, seconds_ago: float) -> None:
    progress.set(PROGRESS_KEY.format(prefix=settings.DATABASE_ROLE_PREFIX), time.time() - seconds_ago)


def part(name: str) -> tuple[int, str]:
    answer = Client(headers={"host": "platform.test"}).get("/readyz", {"part": name})
    return answer.status_code, answer.json()["parts"][name]


def make_late(delivery: Delivery, **fields: object) -> None:
    late = timezone.now() - timedelta(seconds=LATE_SECONDS + 5)
    with platform_scope(PlatformWork.DELIVERY_SWEEP):
        Delivery.objects.filter(pk=delivery.pk).update(**{"next_attempt_at": late, **fields})


def test_all_parts_are_named(progress: redis.Redis) -> None:
    note(progress, seconds_ago=1)

    answer = Client(headers={"host": "platform.test"}).get("/readyz")

    parts = ("database", "broker", "migrations", "worker", "deliveries", "hooks")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "parts": dict.fromkeys(parts, "ok")})


def test_an_unknown_part_is_refused_with_those_there_are() -> None:
    answer = Client(headers={"host": "platform.test"}).get("/readyz?part=databse")

    assert answer.status_code == 400
    assert "there are: database, broker" in answer.text


def test_a_silent_worker_is_seen(progress: redis.Redis) -> None:
    assert part("worker") == (503, "down")

    note(progress, seconds_ago=SILENT_SECONDS + 5)
    assert part("worker") == (503, "down")

    note(progress, seconds_ago=1)
    assert part("worker") == (200, "ok")


def test_a_delivery_that_nobody_makes_is_seen(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    delivery = make_delivery(tenant)
    assert part("deliveries") == (200, "ok")

    make_late(delivery)
    assert part("deliveries") == (503, "down")


def test_a_lease_that_nobody_recovers_is_seen(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    delivery = make_delivery(tenant)
    late = timezone.now() - timedelta(seconds=LATE_SECONDS + 5)
    make_late(delivery, status="running", lease_token=uuid7(), lease_until=late)

    assert part("deliveries") == (503, "down")


def test_what_waits_by_right_is_not_late(make_delivery: MakeDelivery) -> None:
    paused, suspended = make_tenant(), make_tenant(status=TenantStatus.SUSPENDED)
    with tenant_scope(paused.pk):
        PluginSettings.objects.create(plugin_id="echo", state=PluginState.PAUSED, paused_at=timezone.now())
    for tenant in (paused, suspended):
        make_late(make_delivery(tenant))

    assert part("deliveries") == (200, "ok")


def test_a_later_version_waits_for_an_earlier_one(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    record = uuid7()
    make_delivery(tenant, record_id=record, record_version=1)
    make_late(make_delivery(tenant, record_id=record, record_version=2))

    assert part("deliveries") == (200, "ok")


def test_a_migration_that_is_missing_is_seen() -> None:
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute(
            "UPDATE django_migrations SET name = 'not_yet' WHERE app = 'core' AND name = '0001_initial'"
        )
        try:
            assert part("migrations") == (503, "down")
        finally:
            owner.execute(
                "UPDATE django_migrations SET name = '0001_initial' WHERE app = 'core' AND name = 'not_yet'"
            )
    assert part("migrations") == (200, "ok")


def test_hooks_that_do_not_end_are_seen_until_they_do() -> None:
    go_on = threading.Event()
    handler = Handler(
        plugin_id="hanging",
        hook="dvp_before_content_delete",
        key="dvp_before_content_delete",
        call=go_on.wait,
        is_async=False,
        time_limit_seconds=0.01,
        priority=100,
        load_order=0,
        fail_open=False,
    )
    try:
        for _ in range(8):
            hook_runner.execute(handler, ())
        assert part("hooks") == (503, "down")
    finally:
        go_on.set()
    wait_until(lambda: not hook_runner.is_worn_out)
    assert part("hooks") == (200, "ok")
