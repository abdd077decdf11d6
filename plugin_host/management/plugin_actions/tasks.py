"""`tasks`, `run-task` and `run-due`: what plugins have scheduled, and running it."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Final
from uuid import UUID

from django.core.management.base import CommandError

from core.errors import Invalid
from core.selectors.content_state import timestamp
from plugin_host.api.task_documents import run_document, task_document, tasks_document
from plugin_host.management.plugin_actions.base import ACTOR, Options, PluginAction
from plugin_host.management.tenants import add_tenant_arguments, chosen_tenants
from plugin_host.scheduling.selectors import (
    OPEN_STATES,
    ItemView,
    RunView,
    item_runs,
    item_view,
    plugin_schedule,
    run_view,
)
from plugin_host.scheduling.services import item_named, run_due_items, run_item_now
from plugin_host.scheduling.tasks import TASK
from plugin_host.selectors.plugins import plugin_named

_SHOWN_RUNS: Final = 10
_LOOK_SECONDS: Final = 0.2
_WAIT_SECONDS: Final = 600


class TasksAction(PluginAction):
    name = "tasks"
    help = "what a plugin has scheduled, and how it went"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plugin", metavar="PLUGIN")
        parser.add_argument("--task", metavar="TASK", help="one, with its last runs")
        add_tenant_arguments(parser, many=False)
        parser.add_argument("--json", action="store_true", help="for machines")

    def run(self, options: Options) -> None:
        plugin_id, task_id = options["plugin"], options["task"]
        with self.inside_chosen(options):
            plugin_named(plugin_id)
            if task_id:
                item = item_named(TASK, task_id, plugin_id=plugin_id)
                self._show_one(item_view(item), item_runs(item, limit=_SHOWN_RUNS), as_json=options["json"])
                return
            schedule = plugin_schedule(plugin_id, TASK)
        if options["json"]:
            self.say_json(tasks_document(schedule))
            return
        if schedule.problem:
            self.stderr.write(schedule.problem)
        if not schedule.items:
            self.stdout.write("No tasks.")
        for view in schedule.items:
            self._say_task(view)

    def _show_one(self, view: ItemView, runs: list[RunView], *, as_json: bool) -> None:
        if as_json:
            self.say_json(task_document(view) | {"runs": [run_document(run) for run in runs]})
            return
        self._say_task(view)
        for run in runs:
            self.stdout.write(f"  {_run_line(run)}")

    def _say_task(self, view: ItemView) -> None:
        last = f"{view.last_run.state} {timestamp(view.last_run.finished_at)}" if view.last_run else "never"
        self.stdout.write(
            f"{view.item.item_id}  {view.state}  {view.schedule}  next: {timestamp(view.next_run_at) or 'none'}  "
            f"last: {last}"
        )
        if view.problem:
            self.stdout.write(f"  {view.problem}")


class RunTaskAction(PluginAction):
    name = "run-task"
    help = "run a scheduled task now"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("task", metavar="TASK", help="its id, such as my-plugin.daily-sync")
        add_tenant_arguments(parser, many=False)
        parser.add_argument("--wait", action="store_true", help="until it has ended; fails where it failed")
        parser.add_argument(
            "--wait-seconds", type=float, default=_WAIT_SECONDS, metavar="SECONDS", help="no longer than that"
        )
        parser.add_argument("--json", action="store_true", help="for machines")

    def run(self, options: Options) -> None:
        if not options["wait_seconds"] > 0:
            raise Invalid("--wait-seconds is a number of seconds above 0.")
        with self.inside_chosen(options):
            run = run_item_now(item_named(TASK, options["task"]))
            view = run_view(run.pk)
            if options["wait"]:
                view = self._end_of(run.pk, seconds=options["wait_seconds"])
        if options["json"]:
            self.say_json(run_document(view))
        elif options["wait"]:
            self.stdout.write(_run_line(view))
        else:
            self.stdout.write(f"{options['task']} runs as soon as a worker is free: {view.id}")
        if options["wait"] and view.state in OPEN_STATES:
            raise CommandError(_not_ended(view, options["wait_seconds"]))
        if options["wait"] and view.state in ("dead", "skipped"):
            raise CommandError(f"{options['task']} did not succeed: {view.error or view.state_reason}")

    def _end_of(self, run_id: UUID, *, seconds: float) -> RunView:
        deadline = time.monotonic() + seconds
        while (view := run_view(run_id)).state in OPEN_STATES and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        return view


class RunDueAction(PluginAction):
    name = "run-due"
    help = "make tasks and checks run that are due, for a clock of one's own"

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_tenant_arguments(parser)

    def run(self, options: Options) -> None:
        for tenant in chosen_tenants(options, actor=ACTOR):
            with self.inside(tenant):
                made = run_due_items()
            self.stdout.write(f"{tenant.slug}: {made.runs} due, {made.skipped} skipped.")


def _run_line(run: RunView) -> str:
    took = f"{run.duration_ms:.0f} ms" if run.duration_ms is not None else ""
    error = run.error.partition("\n")[0]
    state = f"{run.state}: {run.state_reason}" if run.state_reason else run.state
    return f"{timestamp(run.slot)}  {state}  attempt {run.attempt}  {took}  {error}".rstrip()


def _not_ended(run: RunView, seconds: float) -> str:
    if run.attempt == 0:
        return f"No worker has taken it in {seconds:g} seconds: is one running?"
    again = f", the next attempt is due {timestamp(run.next_attempt_at)}" if run.next_attempt_at else ""
    return f"It has not ended in {seconds:g} seconds{again}. {run.error}".rstrip()
