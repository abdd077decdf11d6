"""Asking plugins what there is to schedule, and keeping the items as they say.

That they have to be asked is a run like any other, of the kind `definitions`, made in the transaction of the change
that makes it necessary: it survives crashes, is tried again, and no transaction is open while the plugin is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from core.logging import get_logger
from core.platform_work import PlatformWork
from core.scope import platform_scope, use_scope
from plugin_host.breaker.conduct import Conduct
from plugin_host.deliveries.doorbell import doorbell
from plugin_host.errors import PluginError
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.models.delivery import AttemptOutcome
from plugin_host.models.schedule import RunOutcome, RunReason, RunStatus, ScheduledItem, ScheduledRun
from plugin_host.models.settings import PluginSettings, PluginState
from plugin_host.registry import loaded_plugins
from plugin_host.runner import HookOutcome, HookRun
from plugin_host.scheduling.claiming import ClaimedRun
from plugin_host.scheduling.due import timing_of
from plugin_host.scheduling.finishing import RunResult
from plugin_host.scheduling.kinds import (
    DEFINITIONS,
    Collected,
    ItemDefinition,
    ItemKind,
    has_items,
    item_kinds,
)
from plugin_host.scheduling.running import (
    PreparedRun,
    failed,
    given_back,
    in_thread,
    not_started,
    schedule_runner,
)
from plugin_host.scheduling.timing import NeverDue
from tenants.models import Tenant

logger = get_logger(__name__)

# A hook that fails is asked again that often; the next change asks it anew.
_RETRIES: Final = 4
_OTHER_VERSION_SECONDS: Final = 10.0
_ON: Final = (PluginState.ENABLED, PluginState.PAUSED)

PluginOfTenant = tuple[UUID, str]


# -- that somebody has to be asked ---------------------------------------------------------------------------------


def want_definitions(plugin_id: str | None = None) -> None:
    """Have a plugin asked again what there is to schedule; all that are on where none is named.

    Works in the scope that it is called in: one tenant, or all in platform scope. Joins the caller's transaction; a
    worker is woken after the commit.
    """
    wanted = {
        plugin.id: plugin.metadata.version
        for plugin in loaded_plugins().plugins.values()
        if has_items(plugin) and plugin_id in (None, plugin.id)
    }
    pairs = PluginSettings.objects.filter(plugin_id__in=wanted, state__in=_ON)
    _want(list(pairs.values_list("tenant_id", "plugin_id")), wanted)


def want_outdated_definitions() -> int:
    """Have the plugins asked that have another version than when they were asked last; return for how many tenants.

    For the start of a process: it may have brought another version, or the first one that schedules something.
    """
    plugins = [plugin for plugin in loaded_plugins().plugins.values() if has_items(plugin)]
    with platform_scope(PlatformWork.SCHEDULES), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            OUTDATED,
            {
                "plugins": [plugin.id for plugin in plugins],
                "versions": [plugin.metadata.version for plugin in plugins],
            },
        )
        pairs: list[PluginOfTenant] = cursor.fetchall()
        _want(pairs, {plugin.id: plugin.metadata.version for plugin in plugins})
    return len(pairs)


def _want(pairs: Sequence[PluginOfTenant], versions: dict[str, str]) -> None:
    if not pairs:
        return
    with transaction.atomic():
        ScheduledItem.objects.bulk_create(
            (
                ScheduledItem(
                    tenant_id=tenant_id,
                    plugin=plugin,
                    kind=DEFINITIONS,
                    item_id=plugin,
                    name="What there is to schedule",
                    definition={"version": versions[plugin]},
                )
                for tenant_id, plugin in pairs
            ),
            update_conflicts=True,
            unique_fields=["tenant", "plugin", "kind", "item_id", "target"],
            update_fields=["definition"],
            batch_size=1000,
        )
        wanted = set(pairs)
        items = [
            item
            for item in ScheduledItem.objects.filter(kind=DEFINITIONS, plugin__in=versions)
            if (item.tenant_id, item.plugin) in wanted
        ]
        waiting = ScheduledRun.objects.filter(
            item__in=[item.pk for item in items], status=RunStatus.PENDING, kind=DEFINITIONS
        )
        # One that waits has not asked yet, so it will see this change too.
        has_one = set(waiting.values_list("item_id", flat=True))
        waiting.update(next_attempt_at=Now())
        now = timezone.now()
        ScheduledRun.objects.bulk_create(
            (
                ScheduledRun(
                    tenant_id=item.tenant_id,
                    item_id=item.pk,
                    plugin=item.plugin,
                    kind=DEFINITIONS,
                    slot=now,
                    reason=RunReason.CHANGE,
                )
                for item in items
                if item.pk not in has_one
            ),
            ignore_conflicts=True,
            batch_size=1000,
        )
        transaction.on_commit(doorbell.ring)


def stop_items(plugin_id: str) -> None:
    """Let nothing of a plugin come due any more for the tenant in scope; it was switched off."""
    ScheduledItem.objects.filter(plugin=plugin_id, next_run_at__isnull=False).update(next_run_at=None)


# -- asking --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Answers:
    """What a plugin says there is, by kind; and what is wrong with it."""

    items: dict[str, list[ItemDefinition]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    failure: HookRun | None = None


class DefinitionsKind:
    """Asks a plugin what there is to schedule; implements `ItemKind`."""

    name = DEFINITIONS
    collect_hook = ""

    def belongs_to(self, plugin: LoadedPlugin) -> bool:
        """Say no: a plugin names no items of this kind."""
        return False

    def read(self, collected: Collected) -> list[ItemDefinition]:
        """Return nothing, for the same reason."""
        return []

    async def execute(self, run: ClaimedRun, prepared: PreparedRun) -> RunResult:
        """Ask, and bring the items in line with the answer; where the plugin fails the known ones stay."""
        wanted = run.definition.get("version")
        if wanted != prepared.plugin.metadata.version:
            # A worker with that version is on its way, or one with another has asked anew.
            why = f"This process has version {prepared.plugin.metadata.version}, not {wanted}."
            return given_back(run, why, wait_seconds=_OTHER_VERSION_SECONDS)
        answers = _Answers()
        for kind in item_kinds():
            if kind.belongs_to(prepared.plugin):
                blocked = await _ask(kind, run, prepared, answers)
                if blocked is not None:
                    return not_started(run, blocked)
        await in_thread(_write, prepared, answers)
        return _result(run, prepared, answers)

    def record(self, run: ClaimedRun, result: RunResult) -> None:
        """Write nothing more."""


async def _ask(kind: ItemKind, run: ClaimedRun, prepared: PreparedRun, answers: _Answers) -> HookRun | None:
    """Ask for the items of one kind; return the account of a call for which nothing was free."""
    returned: list[object] = []
    for handler in prepared.handlers_of(kind.collect_hook):
        result = await schedule_runner.arun(handler, (prepared.context,), bind=prepared.bind)
        if result.run.outcome is HookOutcome.NOT_STARTED:
            return result.run
        if result.error is not None:
            answers.failure = result.run
            answers.problems.append(f"{kind.collect_hook} failed: {result.run.error}")
            return None
        if not isinstance(result.value, list | tuple):
            answers.problems.append(
                f"{kind.collect_hook} must return a list, not {type(result.value).__name__}."
            )
            return None
        returned += result.value
    try:
        answers.items[kind.name] = await in_thread(_read, kind, prepared, returned)
    except PluginError as error:
        answers.problems.append(prepared.masked(error.message))
    return None


def _read(kind: ItemKind, prepared: PreparedRun, returned: list[object]) -> list[ItemDefinition]:
    with use_scope(prepared.scope):
        return kind.read(Collected(plugin=prepared.plugin, returned=returned))


def _result(run: ClaimedRun, prepared: PreparedRun, answers: _Answers) -> RunResult:
    if not answers.problems:
        return RunResult(
            run=run,
            attempt_outcome=AttemptOutcome.DONE,
            outcome=RunOutcome.DONE,
            data={name: len(items) for name, items in answers.items.items()},
            conduct=Conduct.GOOD,
        )
    error = "\n".join(answers.problems)
    logger.warning("Plugin %s cannot be scheduled as it says: %s", run.plugin, error)
    # What is wrong with a list is so until somebody changes something; what raised may do better next time.
    final = "" if answers.failure is not None else "definitions"
    result = failed(run, error, max_retries=_RETRIES, hook_run=answers.failure, final_reason=final)
    if result.conduct is Conduct.FAILED:
        # Told among the plugin's problems. Its hooks work, and no waiting mends a list: a pause would only harm.
        return replace(result, conduct=Conduct.UNKNOWN)
    return result


# -- keeping the items ---------------------------------------------------------------------------------------------


def _write(prepared: PreparedRun, answers: _Answers) -> None:
    with use_scope(prepared.scope), transaction.atomic():
        now = timezone.now()
        plugin_id = prepared.plugin.id
        # Locked, so that nothing is planned for a plugin that is being switched off.
        row = PluginSettings.objects.select_for_update().filter(plugin_id=plugin_id).first()
        is_on = row is not None and row.state in _ON
        zone = str(Tenant.objects.values_list("time_zone", flat=True).get())
        for kind, definitions in answers.items.items():
            keep_items(plugin_id, kind, definitions, now=now, zone=zone, is_on=is_on)
        ScheduledItem.objects.filter(plugin=plugin_id, kind=DEFINITIONS).update(
            problem="\n".join(answers.problems)
        )


def keep_items(
    plugin_id: str, kind: str, definitions: Sequence[ItemDefinition], *, now: datetime, zone: str, is_on: bool
) -> None:
    """Bring a plugin's items of one kind in line with what it says; those that it does not name are retired.

    An item whose schedule stays as it was keeps its next run. Runs in a transaction, in the tenant's scope.

    Args:
        zone: The tenant's time zone.
        is_on: Whether the plugin is; otherwise nothing comes due.
    """
    rows = {
        (row.item_id, row.target): row
        for row in ScheduledItem.objects.select_for_update().filter(plugin=plugin_id, kind=kind)
    }
    for definition in definitions:
        row = rows.pop((definition.item_id, definition.target), None)
        is_new = row is None
        row = row or ScheduledItem(
            plugin=plugin_id, kind=kind, item_id=definition.item_id, target=definition.target
        )
        before = _state_of(row)
        _take_over(row, definition)
        was_planned = row.next_run_at is not None
        plan_item(row, now=now, zone=zone, is_on=is_on, replan=before[1] != _schedule_of(row))
        if definition.runs_at_once and not was_planned and row.next_run_at is not None:
            row.next_run_at = now
        if is_new:
            row.save(force_insert=True)
        elif _state_of(row) != before:
            row.save(force_update=True)
    for row in rows.values():
        if row.retired_at is None or row.next_run_at is not None:
            row.retired_at, row.next_run_at = row.retired_at or now, None
            row.save(update_fields=["retired_at", "next_run_at"])


def plan_item(row: ScheduledItem, *, now: datetime, zone: str, is_on: bool = True, replan: bool) -> None:
    """Reckon when an item is due next, on the row, which is not saved; what is planned stays unless `replan`."""
    if not is_on or row.is_switched_off or not row.is_enabled or row.retired_at is not None:
        row.next_run_at = None
        return
    used_zone = row.time_zone or zone
    if row.next_run_at is not None and row.planned_zone == used_zone and not replan:
        return
    try:
        row.next_run_at, row.problem = timing_of(row, zone=used_zone).next_slot(now), ""
    except NeverDue as error:
        row.next_run_at, row.problem = None, str(error)
    row.planned_at, row.planned_zone = now, used_zone


def _take_over(row: ScheduledItem, definition: ItemDefinition) -> None:
    row.name = definition.name[:200]
    row.definition = dict(definition.document)
    row.cron_expression = definition.cron_expression
    row.interval_seconds = definition.interval_seconds
    row.time_zone = definition.time_zone
    row.is_enabled = definition.is_enabled
    row.retired_at = None


def _schedule_of(row: ScheduledItem) -> tuple[Any, ...]:
    return (row.cron_expression, row.interval_seconds, row.time_zone)


def _state_of(row: ScheduledItem) -> tuple[Any, ...]:
    rest = (row.name, row.definition, row.is_enabled, row.retired_at, row.next_run_at, row.planned_zone)
    return (rest, _schedule_of(row), row.problem)


OUTDATED: Final = """
SELECT s.tenant_id, s.plugin_id
FROM plugin_settings s
JOIN unnest(%(plugins)s::text[], %(versions)s::text[]) AS p(plugin_id, version) USING (plugin_id)
LEFT JOIN plugin_host_scheduleditem i ON i.tenant_id = s.tenant_id AND i.plugin = s.plugin_id
    AND i.kind = 'definitions' AND i.item_id = s.plugin_id AND i.target = ''
WHERE s.state IN ('enabled', 'paused') AND i.definition ->> 'version' IS DISTINCT FROM p.version
"""
