"""What a worker is told to do; every task may run twice, late or not at all."""

from __future__ import annotations

from celery import shared_task

from plugin_host.health.retention import delete_old_results
from plugin_host.scheduling.clean_up import delete_old_runs
from plugin_host.seo.tending import tend_metrics
from plugin_host.worker import process


@shared_task(name="plugin_host.tasks.dispatch", ignore_result=True)
def dispatch() -> None:
    """The doorbell: there may be deliveries or scheduled runs to make."""
    process.wake_dispatchers()


@shared_task(name="plugin_host.tasks.sweep", ignore_result=True)
def sweep() -> None:
    """Find what fell through: leases of lost processes, due retries, work whose bell nobody heard."""
    process.sweep()


@shared_task(name="plugin_host.tasks.run_due", ignore_result=True)
def run_due() -> None:
    """The clock's tick: make runs of all tasks and checks whose time has come."""
    process.tick()


@shared_task(name="plugin_host.tasks.clean_up_health", ignore_result=True)
def clean_up_health() -> None:
    """Delete results of health checks that are too old or too many."""
    delete_old_results()


@shared_task(name="plugin_host.tasks.clean_up_runs", ignore_result=True)
def clean_up_runs() -> None:
    """Delete old runs of tasks and checks."""
    delete_old_runs()


@shared_task(name="plugin_host.tasks.tend_seo_metrics", ignore_result=True)
def tend_seo_metrics() -> None:
    """Search metrics that a process has left over, and delete what is too old."""
    tend_metrics()
