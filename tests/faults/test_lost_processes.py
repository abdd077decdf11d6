"""Processes that are killed, and a broker that is frozen, flushed or killed, in the middle of publishing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from uuid import UUID

import pytest
import redis

from core.actors import system_actor
from core.models import Event
from core.scope import tenant_scope
from core.services.collections import create_collection
from core.services.records import create_record
from plugin_host.models.delivery import Delivery, DeliveryAttempt, DeliveryHistory
from plugin_host.testing.host import enable_plugin
from tenants.models import Tenant
from tests.faults.installation import (
    PATIENCE_SECONDS,
    Installation,
    Receiver,
    kill_group,
    kill_pool,
    no_open_work,
    receiving,
    wait_until,
)

# What the installation promises is shown with 500; the other faults are as hard with fewer.
PUBLISHED = 500
FEWER = 120
SECRET = "whsec_" + "c2VjcmV0" * 4


@pytest.fixture
def receiver(tenant: Tenant) -> Iterator[Receiver]:
    """A local receiver to which each publication of the tenant is sent."""
    with receiving() as receiver:
        enable_plugin(
            "webhooks",
            tenant,
            config={"endpoints": [{"name": "crm", "url": receiver.url, "events": ["record.published"]}]},
            secrets={"signing_secret": SECRET},
        )
        yield receiver


def make_drafts(tenant: Tenant, count: int) -> list[str]:
    """Return the ids of drafts; made before, so that what follows is about publishing."""
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        schema = {"type": "object", "properties": {"title": {"type": "string"}}}
        posts = create_collection(name="posts", schema=schema, has_pages=False)
        return [
            str(create_record(collection=posts, data={"title": f"Post {number}"}).pk)
            for number in range(count)
        ]


def publish(installation: Installation, tenant: Tenant, record_ids: list[str]) -> subprocess.Popen[bytes]:
    return installation.start("-m", "tests.faults.publisher", str(tenant.pk), *record_ids)


def published_deliveries(tenant: Tenant) -> dict[UUID, str]:
    """Event -> outcome of the delivery of every publication; receivers know messages by their events."""
    with tenant_scope(tenant.pk):
        rows = DeliveryHistory.objects.filter(event_type="record.published")
        return dict(rows.values_list("event_id", "outcome"))


def running_deliveries(tenant: Tenant) -> set[str]:
    with tenant_scope(tenant.pk):
        rows = Delivery.objects.filter(status="running")
        return {str(event_id) for event_id in rows.values_list("event_id", flat=True)}


def check_nothing_is_lost(tenant: Tenant, receiver: Receiver, count: int, in_flight: set[str]) -> None:
    """Each publication was delivered, each request has an attempt, and only what was in flight came twice."""
    ended = published_deliveries(tenant)
    seen = Counter(receiver.seen)
    with tenant_scope(tenant.pk):
        events = Event.objects.filter(type="record.published").count()
        events_of = dict(DeliveryHistory.objects.values_list("pk", "event_id"))
        tried = Counter(
            str(events_of[pk]) for pk in DeliveryAttempt.objects.values_list("delivery_id", flat=True)
        )
    repeated = {delivery for delivery, times in seen.items() if times > 1}
    print(
        f"{events} publications, {len(seen)} delivered, {len(receiver.seen)} requests, "
        f"repeated: {sorted(repeated) or 'none'}"
    )
    assert events == count
    assert Counter(ended.values()) == {"done": count}
    assert set(seen) == {str(event_id) for event_id in ended}
    assert {delivery for delivery, times in seen.items() if times > tried[delivery]} == set()
    assert repeated <= in_flight


def test_nothing_is_lost_when_the_worker_is_killed(
    installation: Installation, tenant: Tenant, receiver: Receiver
) -> None:
    installation.start_beat()
    worker = installation.start_worker()
    publisher = publish(installation, tenant, make_drafts(tenant, PUBLISHED))

    wait_until(lambda: len(receiver.seen) >= PUBLISHED // 4, installation)
    kill_group(worker)
    in_flight = running_deliveries(tenant)
    installation.start_worker()
    wait_until(lambda: publisher.poll() == 0, installation)
    wait_until(no_open_work, installation)

    check_nothing_is_lost(tenant, receiver, PUBLISHED, in_flight)


def _has_seen(receiver: Receiver, count: int) -> bool:
    return len(receiver.seen) >= count


def test_nothing_is_lost_when_pool_processes_are_killed(
    installation: Installation, tenant: Tenant, receiver: Receiver
) -> None:
    installation.start_beat()
    worker = installation.start_worker()
    publisher = publish(installation, tenant, make_drafts(tenant, FEWER))
    in_flight: set[str] = set()

    for share in (5, 3):
        wanted = FEWER // share
        wait_until(partial(_has_seen, receiver, wanted), installation)
        kill_pool(worker)
        in_flight |= running_deliveries(tenant)
    wait_until(lambda: publisher.poll() == 0, installation)
    wait_until(no_open_work, installation)

    assert worker.poll() is None
    check_nothing_is_lost(tenant, receiver, FEWER, in_flight)


def test_publishing_never_waits_for_a_frozen_broker_and_nothing_is_lost(
    installation: Installation, tenant: Tenant, receiver: Receiver
) -> None:
    installation.keep_leases()
    installation.start_beat()
    installation.start_worker()
    drafts = make_drafts(tenant, FEWER)
    first, rest = drafts[: FEWER // 5], drafts[FEWER // 5 :]
    warm = publish(installation, tenant, first)
    wait_until(lambda: warm.poll() == 0 and receiver.seen, installation)

    assert installation.valkey.pid is not None
    os.kill(installation.valkey.pid, signal.SIGSTOP)
    try:
        frozen = publish(installation, tenant, rest)
        # It comes to its end while nobody answers at the other side of its broker's socket.
        wait_until(lambda: frozen.poll() == 0, installation)
    finally:
        os.kill(installation.valkey.pid, signal.SIGCONT)
    redis.Redis.from_url(installation.valkey.url()).flushall()
    wait_until(no_open_work, installation)

    check_nothing_is_lost(tenant, receiver, FEWER, set())


def test_nothing_is_lost_when_the_broker_is_killed_empty(
    installation: Installation, tenant: Tenant, receiver: Receiver
) -> None:
    installation.keep_leases()
    installation.start_beat()
    workers = [installation.start_worker()]
    publisher = publish(installation, tenant, make_drafts(tenant, FEWER))

    wait_until(lambda: len(receiver.seen) >= FEWER // 5, installation)
    assert installation.valkey.pid is not None
    os.kill(installation.valkey.pid, signal.SIGKILL)
    wait_until(lambda: publisher.poll() == 0, installation)

    def is_done() -> bool:
        # A worker may end when its connection breaks in the wrong moment (kombu closes a channel that has none).
        workers[:] = [installation.replace_ended(worker) for worker in workers]
        return no_open_work()

    # Without a broker nobody rings and nobody sweeps: each process looks by itself every few seconds.
    wait_until(is_done, installation)

    check_nothing_is_lost(tenant, receiver, FEWER, set())


def test_stopping_a_worker_lets_hooks_end_and_leaves_the_rest(
    installation: Installation, tenant: Tenant, receiver: Receiver
) -> None:
    installation.keep_leases()
    worker = installation.start_worker()
    publisher = publish(installation, tenant, make_drafts(tenant, FEWER))
    wait_until(lambda: len(receiver.seen) >= FEWER // 5, installation)

    worker.terminate()
    worker.wait(PATIENCE_SECONDS)
    wait_until(lambda: publisher.poll() == 0, installation)

    assert worker.returncode == 0
    assert running_deliveries(tenant) == set()
    installation.start_worker()
    wait_until(no_open_work, installation)
    check_nothing_is_lost(tenant, receiver, FEWER, set())


def test_the_publisher_runs_by_itself(tenant: Tenant) -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "tests.faults.publisher", str(tenant.pk)], capture_output=True, check=False
    )
    assert outcome.returncode == 0, outcome.stderr
