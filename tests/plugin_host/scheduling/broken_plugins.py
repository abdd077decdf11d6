"""Plugins that name rubbish when they are asked what there is to schedule; what each is told stands beside it.

They are loaded like any other, because what they name depends on the tenant. `test_definitions.py` asks all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.hooks.scheduled_tasks import (
    ScheduledTaskDefinition,
    TaskExecutionContext,
    TaskResult,
    TaskSchedule,
)

HOURLY: Final = TaskSchedule(interval_seconds=3600)


class _Broken(Plugin):
    version = "1.0.0"
    time_limits = {"dvp_register_scheduled_tasks": 0.5}

    def dvp_register_scheduled_tasks(self, ctx: HookContext) -> Any:
        return self.named()

    def dvp_execute_scheduled_task(
        self, task: ScheduledTaskDefinition, ctx: HookContext, execution_ctx: TaskExecutionContext
    ) -> TaskResult:
        return TaskResult(success=True)

    def named(self) -> Any:
        raise NotImplementedError("each broken plugin names something else")


def _forged(**fields: Any) -> ScheduledTaskDefinition:
    """Return a definition whose checks were gone around."""
    schedule = TaskSchedule(interval_seconds=60)
    task = ScheduledTaskDefinition("forged.task", "Forged", schedule)
    for name, value in fields.items():
        object.__setattr__(schedule if name == "interval_seconds" else task, name, value)
    return task


def _hang() -> list[ScheduledTaskDefinition]:
    threading.Event().wait(3)
    return []


def _fail() -> list[ScheduledTaskDefinition]:
    raise LookupError("no tasks today")


def _task(task_id: str, schedule: Any = HOURLY, **fields: Any) -> ScheduledTaskDefinition:
    return ScheduledTaskDefinition(task_id, "A task", schedule, **fields)


# name: what it names, and what its page says of that.
RUBBISH: Final[dict[str, tuple[Callable[[], Any], str]]] = {
    "raises": (_fail, "LookupError: no tasks today"),
    "hangs": (_hang, "took longer than 0.5 seconds"),
    "returns-none": (lambda: None, "must return a list, not NoneType"),
    "returns-dict": (lambda: {"raises.a": HOURLY}, "must return a list, not dict"),
    "wrong-type": (
        lambda: [_task("wrong-type.a"), {"task_id": "wrong-type.b"}],
        "Entry 2 of the list must be a ScheduledTaskDefinition, not dict.",
    ),
    "duplicate": (lambda: [_task("duplicate.a")] * 2, "There are two tasks 'duplicate.a'"),
    "no-prefix": (
        lambda: [_task("other.sync")],
        "must begin with 'no-prefix.', for example 'no-prefix.sync'",
    ),
    "bad-id": (lambda: [_task("bad-id.Sync it")], "may have lower case letters"),
    "long-id": (lambda: [_task("long-id." + "x" * 300)], "may have lower case letters"),
    "both-schedules": (
        lambda: [_task("both-schedules.a", TaskSchedule("0 6 * * *", 300))],
        "exactly one of the two",
    ),
    "no-schedule": (lambda: [_task("no-schedule.a", TaskSchedule())], "exactly one of the two"),
    "never-due": (
        lambda: [_task("never-due.a", TaskSchedule("0 0 30 2 *"))],
        "names a day that no month has",
    ),
    "no-cron": (lambda: [_task("no-cron.a", TaskSchedule("at six"))], "five fields"),
    "no-zone": (
        lambda: [_task("no-zone.a", TaskSchedule("0 6 * * *", timezone="Mars/Olympus"))],
        "'Mars/Olympus' is no known time zone",
    ),
    "too-often": (lambda: [_task("too-often.a", TaskSchedule(interval_seconds=0))], "at least 1"),
    "too-seldom": (lambda: [_task("too-seldom.a", TaskSchedule(interval_seconds=10**12))], "a year"),
    "forged": (lambda: [_forged(interval_seconds=10**12)], "a year"),
    "forged-name": (lambda: [_forged(task_id="forged-name.a", name="a\0b")], "NUL"),
    "too-many": (
        lambda: [_task(f"too-many.t{number}") for number in range(101)],
        "names 101 tasks, 100 are the most",
    ),
}


def broken_plugin(name: str) -> Plugin:
    """Return an instance of the broken plugin of that name."""
    make, _ = RUBBISH[name]
    cls = type("BrokenPlugin", (_Broken,), {"name": name, "named": lambda self: make()})
    made: Plugin = cls()
    return made
