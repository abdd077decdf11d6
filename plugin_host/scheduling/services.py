"""What people and clocks do with scheduled items: run one now, run what is due, switch one off and on."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from core.actors import authorize
from core.errors import Conflict, NotFound
from core.platform_work import PlatformWork
from core.scope import current_actor, platform_scope, require_tenant
from core.services.audit import record_audit
from plugin_host.deliveries.doorbell import doorbell
from plugin_host.identifiers import did_you_mean
from plugin_host.models.schedule import RunReason, RunStatus, ScheduledItem, ScheduledRun
from plugin_host.scheduling.definitions import plan_item
from plugin_host.scheduling.due import MadeDue, make_due
from plugin_host.state import tenant_plugins
from tenants.models import Tenant


def run_item_now(item: ScheduledItem) -> ScheduledRun:
    """Have a worker run an item of the tenant in scope now, whatever its schedule says, and return the run.

    Where an earlier run waits for its next try, that try is made now.

    Raises:
        Forbidden: The actor in scope may not manage plugins.
        Conflict: Its plugin is off, it is retired, or it is running.
    """
    actor = current_actor()
    authorize(actor, "plugin.manage")
    with transaction.atomic():
        # Locked, so that the clock does not make it due at the same time.
        row: ScheduledItem = ScheduledItem.objects.select_for_update().get(pk=item.pk)
        _require_runnable(row)
        run: ScheduledRun | None = (
            ScheduledRun.objects.filter(item=row).exclude(status=RunStatus.ENDED).first()
        )
        if run is not None and run.status == RunStatus.RUNNING:
            raise Conflict(f"{row.item_id} is running already; wait for its end.", code="item_running")
        if run is not None:
            ScheduledRun.objects.filter(pk=run.pk).update(next_attempt_at=Now())
        else:
            run = ScheduledRun.objects.create(
                item=row,
                plugin=row.plugin,
                kind=row.kind,
                slot=timezone.now(),
                reason=RunReason.MANUAL,
                requested_by=actor.label[:254],
            )
        record_audit(
            action="schedule.run",
            target_type="plugin",
            target_id=row.plugin,
            summary=f"{row.item_id} {row.target}".strip(),
            detail={"run": str(run.pk)},
        )
        transaction.on_commit(doorbell.ring)
    return run


def switch_item(item: ScheduledItem, *, is_off: bool) -> ScheduledItem:
    """Keep an item of the tenant in scope from running by itself, or let it run again, and return it.

    Raises:
        Forbidden: The actor in scope may not manage plugins.
        Conflict: The item is retired.
    """
    authorize(current_actor(), "plugin.manage")
    with transaction.atomic():
        row: ScheduledItem = ScheduledItem.objects.select_for_update().get(pk=item.pk)
        if row.retired_at is not None:
            raise Conflict(
                f"Plugin {row.plugin} does not schedule {row.item_id} any more.", code="item_retired"
            )
        if row.is_switched_off == is_off:
            return row
        row.is_switched_off = is_off
        zone = str(Tenant.objects.values_list("time_zone", flat=True).get())
        plan_item(row, now=timezone.now(), zone=zone, is_on=_is_on(row.plugin), replan=True)
        row.save(update_fields=["is_switched_off", "next_run_at", "planned_at", "planned_zone", "problem"])
        record_audit(
            action="schedule.switched_off" if is_off else "schedule.switched_on",
            target_type="plugin",
            target_id=row.plugin,
            summary=f"{row.item_id} {row.target}".strip(),
        )
    return row


def run_due_items(*, for_all_tenants: bool = False, now: datetime | None = None) -> MadeDue:
    """Make runs of everything whose time has come, have workers see to them, and say how many; safe to repeat.

    Args:
        for_all_tenants: Instead of the tenant in scope.

    Raises:
        Forbidden: The actor in scope may not be a clock.
    """
    authorize(current_actor(), "installation.manage" if for_all_tenants else "schedule.run")
    with platform_scope(PlatformWork.SCHEDULES) if for_all_tenants else nullcontext():
        made = make_due(now=now)
    if made.runs:
        doorbell.ring()
    return made


def item_named(kind: str, item_id: str, *, plugin_id: str | None = None, target: str = "") -> ScheduledItem:
    """Return an item of the tenant in scope, retired ones included.

    Raises:
        NotFound: There is none, with the nearest right name.
    """
    found = ScheduledItem.objects.filter(kind=kind)
    if plugin_id is not None:
        found = found.filter(plugin=plugin_id)
    item: ScheduledItem | None = found.filter(item_id=item_id, target=target).first()
    if item is None:
        names = found.filter(retired_at=None).values_list("item_id", flat=True)
        raise NotFound(
            f"There is no {kind} {item_id!r}.{did_you_mean(item_id, names)}", code=f"{kind}_not_found"
        )
    return item


def _require_runnable(row: ScheduledItem) -> None:
    if row.retired_at is not None:
        raise Conflict(f"Plugin {row.plugin} does not schedule {row.item_id} any more.", code="item_retired")
    if not _is_on(row.plugin):
        raise Conflict(f"Plugin {row.plugin} is off: enable it.", code="plugin_not_enabled")


def _is_on(plugin_id: str) -> bool:
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # require_tenant refuses otherwise
    entry = tenant_plugins(tenant_id).get(plugin_id)
    return entry is not None and entry.is_on
