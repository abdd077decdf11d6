"""A plugin that asks for a run of its own task: soon, and once however often it asks.

The wish is the pending run itself, so it survives whatever happens to the process that had it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Least

from plugin_host.deliveries.doorbell import doorbell
from plugin_host.errors import NotReady, PluginError
from plugin_host.identifiers import did_you_mean
from plugin_host.models.schedule import RunReason, RunStatus, ScheduledItem, ScheduledRun
from plugin_host.scheduling.kinds import DEFINITIONS
from plugin_host.scheduling.tasks import TASK

# Until the plugin has been asked what there is to schedule.
_NOT_YET_SECONDS = 5.0


def request_run(plugin_id: str, task_id: str, after_seconds: float) -> bool:
    """See to it that a run of a task of the tenant in scope begins after now, and return whether one will.

    Raises:
        NotReady: The plugin has not been asked for its tasks yet; it was switched on a moment ago.
        PluginError: It has no such task.
    """
    with transaction.atomic():
        # Locked, so that two who ask at once find each other's run.
        tasks = ScheduledItem.objects.filter(plugin=plugin_id, kind=TASK)
        item: ScheduledItem | None = tasks.select_for_update().filter(item_id=task_id).first()
        if item is None or item.retired_at is not None:
            raise _unknown(plugin_id, task_id)
        if item.is_switched_off:
            return False
        at = _now() + timedelta(seconds=after_seconds)
        # One that waits has not looked yet, so it will see what this is asked for. A try that failed keeps its wait.
        pending = ScheduledRun.objects.select_for_update().filter(item=item, status=RunStatus.PENDING)
        waiting = pending.first()
        if waiting is None:
            ScheduledRun.objects.create(
                item=item, plugin=plugin_id, kind=TASK, slot=at, reason=RunReason.PLUGIN, next_attempt_at=at
            )
        elif waiting.attempt == 0:
            pending.filter(pk=waiting.pk).update(next_attempt_at=Least(F("next_attempt_at"), at))
        transaction.on_commit(doorbell.ring)
    return True


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def _unknown(plugin_id: str, task_id: str) -> PluginError:
    asking = ScheduledRun.objects.filter(plugin=plugin_id, kind=DEFINITIONS).exclude(status=RunStatus.ENDED)
    if asking.exists():
        return NotReady(f"The tasks of {plugin_id} are not known yet.", retry_after=_NOT_YET_SECONDS)
    names = ScheduledItem.objects.filter(plugin=plugin_id, kind=TASK, retired_at=None)
    return PluginError(
        f"Plugin {plugin_id} has no task {task_id!r}.{did_you_mean(task_id, names.values_list('item_id', flat=True))}",
        code="task_not_found",
    )
