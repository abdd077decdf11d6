"""Items whose time has come: once for each slot, whoever looks, however late, whatever the clock does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection, connections

from core.actors import system_actor
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from plugin_host.hooks.scheduled_tasks import TaskSchedule
from plugin_host.models.schedule import ScheduledItem, ScheduledRun
from plugin_host.scheduling.definitions import want_definitions
from plugin_host.scheduling.due import MadeDue, make_due
from plugin_host.services import disable_plugin, pause_plugin, resume_plugin, save_config
from plugin_host.testing.schedule import learn_definitions, run_due, run_waiting
from tenants.models import Tenant, TenantStatus
from tests.plugin_host.scheduling.conftest import Worker, task

NOTHING = MadeDue()
ONE = MadeDue(runs=1)


def item() -> ScheduledItem:
    return ScheduledItem.objects.get(kind="task", retired_at=None)


def slot() -> datetime:
    found: datetime | None = item().next_run_at
    assert found is not None
    return found


def slots(**conditions: object) -> list[tuple[datetime, str, str, str]]:
    rows = ScheduledRun.objects.filter(kind="task", **conditions).order_by("slot")
    return list(rows.values_list("slot", "reason", "status", "outcome"))


@pytest.fixture
def every_five_minutes(worker: Worker, in_tenant: Tenant) -> Worker:
    worker.tasks = [task("often", TaskSchedule(interval_seconds=300))]
    save_config("worker", {"a": 1})
    learn_definitions(in_tenant)
    return worker


def test_nothing_is_due_before_its_time(worker: Worker) -> None:
    assert make_due(now=slot() - timedelta(microseconds=1)) == NOTHING


def test_looking_twice_makes_one_run(worker: Worker) -> None:
    first = slot()

    assert make_due(now=first) == ONE
    assert make_due(now=first) == NOTHING
    assert slots() == [(first, "schedule", "pending", "")]
    assert slot() == first + timedelta(days=1)


def test_many_clocks_that_look_at_once_make_one_run(worker: Worker, in_tenant: Tenant) -> None:
    first = slot()
    start = threading.Barrier(4)
    made: list[MadeDue] = []

    def look() -> None:
        start.wait()
        with tenant_scope(in_tenant.pk, actor=system_actor("tests")):
            made.append(make_due(now=first))
        connections.close_all()

    clocks = [threading.Thread(target=look) for _ in range(4)]
    for clock in clocks:
        clock.start()
    for clock in clocks:
        clock.join()

    assert sum(one.runs for one in made) == 1
    assert len(slots()) == 1


def test_after_a_stop_missed_slots_run_once_as_the_last_of_them(
    every_five_minutes: Worker, in_tenant: Tenant
) -> None:
    first = slot()
    now = first + timedelta(hours=3, seconds=7)

    (run,) = run_due(in_tenant, now=now)

    assert slots() == [(first + timedelta(hours=3), "catch_up", "ended", "done")]
    assert run.scheduled_time == first + timedelta(hours=3)
    assert slot() == first + timedelta(hours=3, minutes=5)


def test_days_of_a_stopped_clock_are_caught_up_once(worker: Worker, in_tenant: Tenant) -> None:
    first = slot()

    run_due(in_tenant, now=first + timedelta(days=3, hours=1))

    assert slots() == [(first + timedelta(days=3), "catch_up", "ended", "done")]
    assert slot() == first + timedelta(days=4)


@pytest.fixture
def catching_up(worker: Worker, in_tenant: Tenant) -> Callable[[str], datetime]:
    """Have the task, daily at six, catch up in another way; returns its next slot."""

    def change(catch_up: str) -> datetime:
        worker.tasks = [task(catch_up=catch_up)]
        want_definitions("worker")
        learn_definitions(in_tenant)
        return slot()

    return change


def test_each_missed_day_has_its_run_where_the_task_wants_all(
    catching_up: Callable[[str], datetime], in_tenant: Tenant
) -> None:
    first = catching_up("all")
    now = first + timedelta(days=2, hours=1)

    make_due(now=now)
    assert make_due(now=now) == NOTHING  # the second one waits for the first one's end
    for _ in range(4):
        run_due(in_tenant, now=now)

    assert slots() == [
        (first, "catch_up", "ended", "done"),
        (first + timedelta(days=1), "catch_up", "ended", "done"),
        (first + timedelta(days=2), "schedule", "ended", "done"),
    ]
    assert slot() == first + timedelta(days=3)


@pytest.mark.parametrize("late", [timedelta(minutes=11), timedelta(days=2, minutes=11)])
def test_a_missed_day_is_left_out_where_the_task_wants_none(
    catching_up: Callable[[str], datetime], in_tenant: Tenant, late: timedelta
) -> None:
    first = catching_up("none")

    assert run_due(in_tenant, now=first + late) == []

    assert slots() == []
    assert slot() == first + timedelta(days=late.days + 1)


@pytest.mark.parametrize("late", [timedelta(minutes=9), timedelta(days=2, minutes=9)])
def test_what_is_a_little_late_was_not_missed(
    catching_up: Callable[[str], datetime], in_tenant: Tenant, late: timedelta
) -> None:
    first = catching_up("none")

    (run,) = run_due(in_tenant, now=first + late)

    assert (run.ended, run.scheduled_time) == ("done", first + timedelta(days=late.days))


def test_an_overlap_is_skipped_and_recorded(every_five_minutes: Worker) -> None:
    first = slot()
    make_due(now=first)

    assert make_due(now=first + timedelta(minutes=5)) == MadeDue(skipped=1)

    assert slots() == [
        (first, "schedule", "pending", ""),
        (first + timedelta(minutes=5), "schedule", "ended", "skipped"),
    ]
    assert ScheduledRun.objects.get(outcome="skipped").outcome_reason == "overlap"


def test_a_clock_that_went_ahead_and_back_does_no_harm(every_five_minutes: Worker, in_tenant: Tenant) -> None:
    first = slot()
    run_due(in_tenant, now=first)
    ahead = first + timedelta(days=400)
    run_due(in_tenant, now=ahead)
    assert slot() > ahead

    back = first + timedelta(minutes=4)
    assert make_due(now=back) == NOTHING
    assert slot() == first + timedelta(minutes=5)
    run_due(in_tenant, now=slot())

    assert [when for when, *_ in slots()][:2] == [first, first + timedelta(minutes=5)]
    assert len(every_five_minutes.calls) == 3


def test_a_slot_that_ran_while_the_clock_was_ahead_does_not_run_again(
    every_five_minutes: Worker, in_tenant: Tenant
) -> None:
    first = slot()
    run_due(in_tenant, now=first + timedelta(minutes=5))

    make_due(now=first - timedelta(minutes=1))
    assert slot() == first
    for minutes in (0, 5):
        run_due(in_tenant, now=first + timedelta(minutes=minutes))

    assert [when for when, *_ in slots()] == [first, first + timedelta(minutes=5)]
    assert len(every_five_minutes.calls) == 2


@pytest.mark.parametrize("stop", [disable_plugin, lambda name: pause_plugin(name, reason="today")])
def test_nothing_of_a_plugin_that_does_not_run_comes_due(
    worker: Worker, stop: Callable[[str], object]
) -> None:
    first = slot()

    stop("worker")

    assert make_due(now=first) == NOTHING
    assert slots() == []


def test_what_a_pause_held_up_is_caught_up_once(worker: Worker, in_tenant: Tenant) -> None:
    first = slot()
    pause_plugin("worker", reason="for two days")
    assert make_due(now=first + timedelta(days=1)) == NOTHING

    resume_plugin("worker")

    run_due(in_tenant, now=first + timedelta(days=2, hours=1))
    assert slots() == [(first + timedelta(days=2), "catch_up", "ended", "done")]


def test_a_waiting_run_of_a_paused_plugin_waits(worker: Worker, in_tenant: Tenant) -> None:
    make_due(now=slot())
    pause_plugin("worker", reason="now")
    assert run_waiting(in_tenant) == []

    resume_plugin("worker")

    assert [run.ended for run in run_waiting(in_tenant)] == ["done"]


def test_a_waiting_run_of_a_disabled_plugin_is_skipped(worker: Worker, in_tenant: Tenant) -> None:
    make_due(now=slot())

    disable_plugin("worker")

    assert [(run.ended, run.reason) for run in run_waiting(in_tenant)] == [("skipped", "disabled")]
    assert worker.calls == []


def test_nothing_of_a_suspended_tenant_comes_due_or_runs(worker: Worker, in_tenant: Tenant) -> None:
    first = slot()
    make_due(now=first)
    with platform_scope(PlatformWork.TENANT_DIRECTORY):
        Tenant.objects.filter(pk=in_tenant.pk).update(status=TenantStatus.SUSPENDED)

    assert make_due(now=first + timedelta(days=1)) == NOTHING
    assert run_waiting(in_tenant) == []
    assert slots() == [(first, "schedule", "pending", "")]


def test_a_tenant_makes_its_own_items_due_alone(
    worker: Worker, in_tenant: Tenant, other_tenant: Tenant
) -> None:
    now = slot() + timedelta(days=2)
    with tenant_scope(other_tenant.pk, actor=system_actor("tests")):
        assert make_due(now=now) == NOTHING

    assert slots() == []


def test_an_item_that_cannot_be_planned_any_more_says_so_and_holds_up_nobody(
    worker: Worker, in_tenant: Tenant
) -> None:
    worker.tasks = [task("sync"), task("lost", TaskSchedule("0 6 * * *", timezone="Europe/Vienna"))]
    save_config("worker", {"a": 1})
    learn_definitions(in_tenant)
    # As after a move to a machine with other time zones.
    ScheduledItem.objects.filter(item_id="worker.lost").update(time_zone="Mars/Olympus")

    run_due(in_tenant, now=slot_of("worker.sync") + timedelta(days=1))

    lost = ScheduledItem.objects.get(item_id="worker.lost")
    assert lost.next_run_at is None
    assert "'Mars/Olympus' is no time zone" in lost.problem
    assert slot_of("worker.sync") is not None


def slot_of(item_id: str) -> datetime:
    found: datetime | None = ScheduledItem.objects.get(item_id=item_id).next_run_at
    assert found is not None
    return found


def test_making_due_takes_the_same_queries_for_one_and_for_many(worker: Worker, in_tenant: Tenant) -> None:
    def queries(count: int) -> int:
        worker.tasks = [task(f"t{number}") for number in range(count)]
        save_config("worker", {"count": count})
        learn_definitions(in_tenant)
        now = ScheduledItem.objects.filter(kind="task", retired_at=None)[0].next_run_at
        seen: list[str] = []

        def count_query(execute: Callable[..., object], sql: str, *arguments: object) -> object:
            seen.append(sql)
            return execute(sql, *arguments)

        with connection.execute_wrapper(count_query):
            assert make_due(now=now).runs == count
        run_waiting(in_tenant)
        return len(seen)

    assert queries(1) == queries(30)
