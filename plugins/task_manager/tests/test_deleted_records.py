"""What becomes of a record's tasks, and who is told."""

from __future__ import annotations

from typing import Any

import pytest

from core.actors import system_actor
from core.scope import tenant_scope
from core.services.collections import create_collection
from core.services.records import create_record, delete_record
from plugin_host.testing.host import DeliverAll, DeliveryRun
from plugin_host.testing.peer import HttpPeer
from task_manager.models import Task
from tenants.models import Tenant
from tenants.services.members import add_member


@pytest.fixture
def config(http_peer: HttpPeer) -> dict[str, Any]:
    return {"webhook_url": http_peer.url("/gone")}


def delete_a_record_with_a_task(tenant: Tenant) -> str:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        create_collection(name="notes", schema={"type": "object", "properties": {}})
        record, other = (create_record(collection="notes", data={}, title=title) for title in ("One", "Two"))
        user = add_member(email=f"{tenant.slug}@example.org", role="editor").user
        for about in (record, other, None):
            Task.objects.create(user=user, record=about, title="Check it")
        delete_record(record_id=record.pk)
        assert sorted(str(task.record_id) for task in Task.objects.all()) == sorted([str(other.pk), "None"])
    return str(record.pk)


def last_run(runs: list[DeliveryRun]) -> DeliveryRun:
    (run,) = [run for run in runs if run.plugin == "task-manager"]
    return run


def test_tasks_go_with_their_record_and_somebody_is_told(
    tenant: Tenant, http_peer: HttpPeer, deliver_all: DeliverAll
) -> None:
    record_id = delete_a_record_with_a_task(tenant)

    run = last_run(deliver_all(tenant))

    assert (run.event_type, run.ended) == ("record.deleted", "done")
    assert f"[task-manager] Record deleted: notes/{record_id}" in run.log
    (request,) = http_peer.requests_to("/gone")
    message = request.json()
    assert message == {
        "type": "record.deleted",
        "collection": "notes",
        "record_id": record_id,
        "timestamp": message["timestamp"],
    }


def test_a_call_that_fails_is_tried_again(
    tenant: Tenant, http_peer: HttpPeer, deliver_all: DeliverAll
) -> None:
    http_peer.answer("/gone", 500, 204)
    delete_a_record_with_a_task(tenant)

    assert last_run(deliver_all(tenant)).ended == ""
    assert last_run(deliver_all(tenant, waiting=True)).ended == "done"
    assert len(http_peer.requests_to("/gone")) == 2
