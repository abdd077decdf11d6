"""Which processes make up Tenantry, and what each of them is told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from cms_project.environment import PROJECT
from cms_project.supervisor.children import Program, python_program
from cms_project.supervisor.options import Options

ACCESS_LOG: Final = "%(method)s %(path)s %(status)d %(dt_ms).1f ms"
# Hooks that run may finish. What is cut off starts again from the deliveries' table.
WORKER_STOP_SECONDS: Final = 25.0
# Requests wait for the database more than they compute; granian warns of more.
WEB_THREADS: Final = min(8, 2 * (os.cpu_count() or 1) + 1)
POOL_PROCESSES: Final = 2


def owner_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """For the process that changes the schema."""
    return {**environment, "TENANTRY_DB_ROLE": "owner"}


def application_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """For everything else: without the owner's address, so that no plugin finds it by accident."""
    ours = {
        name: value
        for name, value in environment.items()
        if name not in ("DATABASE_OWNER_URL", "TENANTRY_DB_ROLE")
    }
    # The variables are complete; reading .env again would bring the owner's address back.
    return {**ours, "TENANTRY_ENV_FILE": "-"}


def prepare(environment: Mapping[str, str]) -> Program:
    return python_program(
        "prepare", "manage.py", "prepare", environment=owner_environment(environment), folder=PROJECT
    )


def demo(environment: Mapping[str, str]) -> Program:
    return python_program(
        "demo", "manage.py", "demo", environment=application_environment(environment), folder=PROJECT
    )


def processes(options: Options, environment: Mapping[str, str]) -> list[Program]:
    """Web server, worker and beat, in the order in which they start."""
    ours = application_environment(environment)
    web = (
        *("-m", "granian", "cms_project.wsgi:application", "--interface", "wsgi", "--no-ws"),
        *("--host", options.host, "--port", str(options.port), "--workers", str(options.workers)),
        *("--blocking-threads", str(WEB_THREADS), "--workers-kill-timeout", "5"),
        *("--log-level", "warning", "--access-log", "--access-log-fmt", ACCESS_LOG),
    )
    # In a developer's container everybody is root; the image for production has a user of its own.
    quiet = ("-W", "ignore:You're running the worker with superuser privileges") if os.geteuid() == 0 else ()
    worker = (
        *quiet,
        *("-m", "celery", "--app", "cms_project", "--quiet", "worker", "--loglevel", "INFO"),
        *("--pool", "prefork", "--concurrency", str(POOL_PROCESSES), "--without-gossip", "--without-mingle"),
    )
    # Which scheduler it uses stands in the settings.
    beat = ("-m", "celery", "--app", "cms_project", "--quiet", "beat", "--loglevel", "INFO", "--pidfile=")
    return [
        python_program("web", *web, environment=ours, folder=PROJECT),
        python_program("worker", *worker, environment=ours, folder=PROJECT, stop_seconds=WORKER_STOP_SECONDS),
        python_program("beat", *beat, environment=ours, folder=PROJECT),
    ]
