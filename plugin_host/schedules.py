"""What the clock sends: the rows of django-celery-beat, kept right by `migrate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One thing that the clock sends.

    Args:
        expires_seconds: When a message that nobody took is of no use any more.
    """

    name: str
    task: str
    every_seconds: int
    expires_seconds: int
    description: str


SCHEDULES: Final = (
    Schedule(
        name="tenantry: sweep deliveries",
        task="plugin_host.tasks.sweep",
        every_seconds=2,
        expires_seconds=10,
        description="Due retries, leases of lost processes, lost doorbells.",
    ),
    Schedule(
        name="tenantry: run what is due",
        task="plugin_host.tasks.run_due",
        every_seconds=5,
        expires_seconds=10,
        description="Scheduled tasks and health checks of plugins.",
    ),
    Schedule(
        name="tenantry: clean up health results",
        task="plugin_host.tasks.clean_up_health",
        every_seconds=3600,
        expires_seconds=1800,
        description="Results of health checks that are too old or too many.",
    ),
    Schedule(
        name="tenantry: clean up runs",
        task="plugin_host.tasks.clean_up_runs",
        every_seconds=3600,
        expires_seconds=1800,
        description="Old runs of tasks and checks.",
    ),
    Schedule(
        name="tenantry: tend search metrics",
        task="plugin_host.tasks.tend_seo_metrics",
        every_seconds=3600,
        expires_seconds=1800,
        description="Search metrics that were left over, and those that are too old.",
    ),
    Schedule(
        name="tenantry: clean up sign-ins",
        task="tenants.tasks.clean_up",
        every_seconds=3600,
        expires_seconds=1800,
        description="Sessions and refresh tokens whose time is over.",
    ),
)


@transaction.atomic
def ensure_schedules() -> list[str]:
    """Make and correct the rows of the clock; return the names of those that were wrong.

    Needs platform scope, or the owner of the tables. A row that an operator switched off stays off.
    """
    changed = []
    for schedule in SCHEDULES:
        interval, _ = IntervalSchedule.objects.get_or_create(
            every=schedule.every_seconds, period=IntervalSchedule.SECONDS
        )
        wanted = {
            "task": schedule.task,
            "interval_id": interval.pk,
            "expire_seconds": schedule.expires_seconds,
            "description": schedule.description,
        }
        row = PeriodicTask.objects.filter(name=schedule.name).first()
        if row is not None and all(getattr(row, name) == value for name, value in wanted.items()):
            continue
        # Saving tells a running clock to read its rows again, so nothing is saved without need.
        PeriodicTask.objects.update_or_create(name=schedule.name, defaults=wanted)
        changed.append(schedule.name)
    return changed
