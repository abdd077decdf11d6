"""Checks that a person, a program or a command asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from core.actors import authorize
from core.errors import Conflict, NotFound
from core.ids import uuid7
from core.scope import current_actor
from plugin_host.health.definitions import (
    CHECK,
    at_target,
    check_named,
    collect_checks,
    has_checks,
    targets_of,
)
from plugin_host.health.execution import CheckRun, execute_check, running_plugin
from plugin_host.health.recording import forget_verdicts, record_finding
from plugin_host.health.verdicts import announce_verdict_change
from plugin_host.hooks.health_monitor import HealthCheckDefinition
from plugin_host.identifiers import did_you_mean
from plugin_host.models.health import HealthResult
from plugin_host.models.schedule import RunStatus, ScheduledItem, ScheduledRun
from plugin_host.scheduling.services import run_item_now, switch_item
from plugin_host.selectors.plugins import plugin_named
from tenants.selectors.domains import domain_hosts


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedCheck:
    """A check that a worker runs now.

    Args:
        run: The run that was made, or the one that is under way already.
    """

    check_id: str
    target: str
    run: ScheduledRun


def ask_for_checks(plugin_id: str, *, check: str | None = None) -> list[AskedCheck]:
    """Have a worker run a plugin's checks for the tenant in scope now, whatever their schedule says.

    Args:
        check: Its id, with or without the plugin's; all that are not switched off where None.

    Raises:
        Forbidden: The actor in scope may not manage plugins.
        NotFound: There is no such plugin or check.
        Conflict: The plugin is off, paused or cannot run, or was not asked yet which checks it has.
    """
    authorize(current_actor(), "plugin.manage")
    plugin, _entry = running_plugin(plugin_id)
    if not has_checks(plugin):
        raise _no_checks(plugin_id)
    items = list(_known_items(plugin_id))
    if not items:
        raise Conflict(
            f"It is not known yet which checks plugin {plugin_id} has, or it has none: try again in a moment.",
            code="health_checks_unknown",
        )
    if check is not None:
        items = _items_named(plugin_id, check, items)
    else:
        items = [item for item in items if not item.is_switched_off]
    return [_ask_for(item) for item in items]


def switch_check(
    plugin_id: str, check: str, *, is_off: bool, target: str | None = None
) -> list[ScheduledItem]:
    """Keep a check of the tenant in scope from running by itself, or let it run again, and return its items.

    What it found before stays to be seen and does not count meanwhile; nobody is told of a change of status.

    Args:
        check: Its id, with or without the plugin's.
        target: At this one alone; at all of its targets where None.

    Raises:
        Forbidden: The actor in scope may not manage plugins.
        NotFound: There is no such plugin, check or target.
    """
    authorize(current_actor(), "plugin.manage")
    plugin_named(plugin_id)
    items = _items_named(plugin_id, check, list(_known_items(plugin_id)))
    if target is not None:
        targets = [item.target for item in items]
        items = [item for item in items if item.target == target]
        if not items:
            raise NotFound(
                f"{check} of plugin {plugin_id} has no target {target!r}.{did_you_mean(target, targets)}",
                code="health_target_not_found",
            )
    with transaction.atomic():
        switched = [switch_item(item, is_off=is_off) for item in items]
        announce_verdict_change()
    return switched


def run_checks_here(plugin_id: str, *, check: str | None = None) -> list[HealthResult]:
    """Run a plugin's checks in this process for the tenant in scope, one after another, and store what they find.

    For commands, which wait for the answer and need no worker.

    Args:
        check: Its id, with or without the plugin's; all that are not switched off where None.

    Raises:
        Forbidden: The actor in scope may not manage plugins.
        NotFound: There is no such plugin or check.
        Conflict: The plugin is off, paused or cannot run.
        PluginError: Its list of checks cannot be used.
    """
    authorize(current_actor(), "plugin.manage")
    plugin, entry = running_plugin(plugin_id)
    if not has_checks(plugin):
        raise _no_checks(plugin_id)
    checks = collect_checks(plugin, entry)
    hosts = domain_hosts()
    forget_verdicts(
        plugin_id, keep={(one.check_id, target) for one in checks for target in targets_of(one, hosts)}
    )
    if check is not None:
        named = check_named(checks, check)
        if named is None:
            raise _no_such_check(plugin_id, check, [one.check_id for one in checks])
        checks = [named]
    off = set() if check is not None else _switched_off(plugin_id)
    return [
        _run(plugin_id, at_target(one, target))
        for one in checks
        for target in targets_of(one, hosts)
        if (one.check_id, target) not in off
    ]


def _switched_off(plugin_id: str) -> set[tuple[str, str]]:
    return set(_known_items(plugin_id).filter(is_switched_off=True).values_list("item_id", "target"))


def _known_items(plugin_id: str) -> QuerySet[ScheduledItem]:
    found: QuerySet[ScheduledItem] = ScheduledItem.objects.filter(
        plugin=plugin_id, kind=CHECK, retired_at=None
    )
    return found.order_by("item_id", "target")


def _items_named(plugin_id: str, check: str, items: Sequence[ScheduledItem]) -> list[ScheduledItem]:
    wanted = [item for item in items if check in (item.item_id, item.item_id.partition(".")[2])]
    if not wanted:
        raise _no_such_check(plugin_id, check, [item.item_id for item in items])
    return wanted


def _ask_for(item: ScheduledItem) -> AskedCheck:
    try:
        run = run_item_now(item)
    except Conflict:
        # It runs at this moment: what it finds is as new as could be.
        open_run = ScheduledRun.objects.filter(item=item).exclude(status=RunStatus.ENDED).first()
        if open_run is None:
            raise
        run = open_run
    return AskedCheck(check_id=item.item_id, target=item.target, run=run)


def _run(plugin_id: str, check: HealthCheckDefinition) -> HealthResult:
    now = timezone.now()
    run = CheckRun(plugin_id=plugin_id, check=check, execution_id=uuid7(), scheduled_for=now, started_at=now)
    return record_finding(run, execute_check(run)).result


def _no_checks(plugin_id: str) -> NotFound:
    return NotFound(f"Plugin {plugin_id} has no health checks.", code="no_health_checks")


def _no_such_check(plugin_id: str, name: str, known: Sequence[str]) -> NotFound:
    near = did_you_mean(name, known)
    return NotFound(f"Plugin {plugin_id} has no check {name!r}.{near}", code="check_not_found")
