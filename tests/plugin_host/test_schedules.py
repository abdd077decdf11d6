from __future__ import annotations

import pytest
from django.utils.module_loading import import_string
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.schedules import SCHEDULES, ensure_schedules


@pytest.fixture(autouse=True)
def platform() -> object:
    with platform_scope(PlatformWork.SCHEDULES):
        yield


def test_migrating_made_the_rows() -> None:
    assert set(PeriodicTask.objects.values_list("name", "task")) >= {
        (schedule.name, schedule.task) for schedule in SCHEDULES
    }


def test_rows_that_are_right_are_left_alone() -> None:
    ensure_schedules()
    changed_at = PeriodicTasks.last_change()

    assert ensure_schedules() == []
    assert PeriodicTasks.last_change() == changed_at


def test_rows_that_are_wrong_are_corrected_and_switched_off_ones_stay_off() -> None:
    name = SCHEDULES[0].name
    PeriodicTask.objects.filter(name=name).update(task="gone", enabled=False)

    assert ensure_schedules() == [name]

    row = PeriodicTask.objects.get(name=name)
    assert (row.task, row.enabled) == (SCHEDULES[0].task, False)
    PeriodicTask.objects.filter(name=name).update(enabled=True)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
def test_each_schedule_names_a_task(schedule: object) -> None:
    task = import_string(schedule.task)  # type: ignore[attr-defined]
    assert task.name == schedule.task  # type: ignore[attr-defined]
