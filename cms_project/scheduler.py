"""Beat's scheduler: its tables belong to the platform, what it sends belongs to nobody yet."""

from __future__ import annotations

from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler

from core.platform_work import PlatformWork
from core.scope import platform_scope, use_scope


class PlatformScheduler(DatabaseScheduler):  # type: ignore[misc]  # django-celery-beat has no types
    """django-celery-beat's scheduler, reading and writing its tables in platform scope."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        with platform_scope(PlatformWork.SCHEDULES):
            super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        with platform_scope(PlatformWork.SCHEDULES):
            return super().tick(*args, **kwargs)

    def sync(self) -> None:
        with platform_scope(PlatformWork.SCHEDULES):
            super().sync()

    def apply_async(self, *args: Any, **kwargs: Any) -> Any:
        # A task finds its own scope: it must not inherit the clock's.
        with use_scope(None):
            return super().apply_async(*args, **kwargs)
