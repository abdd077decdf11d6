"""The Celery application: `celery --app cms_project worker` and `beat`."""

from __future__ import annotations

import logging
import os
from functools import cached_property
from typing import Any

from celery import Celery, signals
from celery.apps.beat import Beat
from django.conf import settings

from cms_project.environment import load_development_variables
from cms_project.task_scope import carry_scope
from cms_project.worker_progress import note_progress
from core.actors import system_actor
from core.platform_work import PlatformWork
from core.scope import platform_scope

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cms_project.settings")
# Beside `make run` the variables stand in a file; where all of them are set this reads nothing.
load_development_variables()


class PlatformBeat(Beat):
    """The clock works for the installation, whichever scheduler it uses: its tables belong to no tenant."""

    def run(self) -> None:
        """Run until the process is stopped."""
        with platform_scope(PlatformWork.SCHEDULES, actor=system_actor("beat")):
            super().run()


class Application(Celery):
    """Celery with the clock in platform scope."""

    @cached_property
    def Beat(self) -> Any:  # noqa: N802 - Celery's own name
        """The class behind `celery beat`."""
        return self.subclass_with_self(PlatformBeat)


@signals.setup_logging.connect
def keep_logging(**kwargs: Any) -> None:
    """Keep Celery from installing handlers: Django's LOGGING writes one line for each, marked and redacted."""
    # One bell and one sweep every other second say nothing to anybody.
    for name in ("celery.worker.strategy", "celery.app.trace", "celery.beat"):
        logging.getLogger(name).setLevel(logging.WARNING)


app = Application("tenantry")
app.config_from_object("django.conf:settings", namespace="CELERY")
# By name: a plugin has no tasks of its own, and must not keep the worker from starting.
app.autodiscover_tasks(["core", "tenants", "plugin_host"])
carry_scope()
note_progress(settings.REDIS_URL, settings.DATABASE_ROLE_PREFIX)


@signals.worker_process_init.connect
def begin_dispatching(**kwargs: Any) -> None:
    """Begin to make deliveries and scheduled runs in a worker's process."""
    # Not above: Django's apps are ready only when a worker's process begins.
    from plugin_host.worker.process import start_dispatchers

    start_dispatchers()


@signals.worker_process_shutdown.connect
def end_dispatching(**kwargs: Any) -> None:
    """Let running hooks end, and give the rest back."""
    from plugin_host.worker.process import stop_dispatchers

    stop_dispatchers()
