"""The history of runs is bounded."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from plugin_host.models import OnceKey
from plugin_host.models.schedule import ScheduledAttempt, ScheduledItem, ScheduledRun
from plugin_host.scheduling.clean_up import KEPT_FOR, KEPT_RUNS, delete_old_runs
from plugin_host.services import save_config
from plugin_host.testing.schedule import learn_definitions, run_task
from tenants.models import Tenant
from tests.plugin_host.scheduling.conftest import Worker, task


def make_ended_runs(count: int) -> None:
    item = ScheduledItem.objects.get(kind="task")
    now = timezone.now()
    ScheduledRun.objects.bulk_create(
        ScheduledRun(
            item=item,
            plugin="worker",
            kind="task",
            slot=now - timedelta(hours=number),
            status="ended",
            outcome="done",
            finished_at=now - timedelta(hours=number),
        )
        for number in range(count)
    )


def test_the_last_runs_of_each_item_are_kept(worker: Worker, in_tenant: Tenant) -> None:
    make_ended_runs(KEPT_RUNS + 5)

    assert delete_old_runs() >= 5

    slots = ScheduledRun.objects.filter(kind="task").order_by("slot").values_list("slot", flat=True)
    assert len(slots) == KEPT_RUNS
    assert timezone.now() - slots[0] < timedelta(hours=KEPT_RUNS)
    delete_old_runs()
    assert ScheduledRun.objects.filter(kind="task").count() == KEPT_RUNS


def test_old_runs_go_with_their_attempts_and_claims(worker: Worker, in_tenant: Tenant) -> None:
    run = run_task(in_tenant, "worker.sync")
    OnceKey.objects.create(plugin="worker", once_scope=f"run:{run.id}", key="mail")
    OnceKey.objects.create(plugin="worker", once_scope="other", key="mail")

    delete_old_runs(now=timezone.now() + KEPT_FOR + timedelta(minutes=1))

    assert not ScheduledRun.objects.exists()
    assert not ScheduledAttempt.objects.exists()
    assert [key.once_scope for key in OnceKey.objects.all()] == ["other"]
    assert ScheduledItem.objects.filter(kind="task").count() == 1


def test_what_has_not_ended_stays(worker: Worker, in_tenant: Tenant) -> None:
    save_config("worker", {"a": 1})

    delete_old_runs(now=timezone.now() + KEPT_FOR * 2)

    assert [run.status for run in ScheduledRun.objects.all()] == ["pending"]


def test_items_that_were_retired_long_ago_go_at_last(worker: Worker, in_tenant: Tenant) -> None:
    worker.tasks = [task("new")]
    save_config("worker", {"a": 1})
    learn_definitions(in_tenant)

    delete_old_runs()
    assert ScheduledItem.objects.filter(item_id="worker.sync").exists()
    delete_old_runs(now=timezone.now() + KEPT_FOR + timedelta(minutes=1))

    assert list(ScheduledItem.objects.filter(kind="task").values_list("item_id", flat=True)) == ["worker.new"]
