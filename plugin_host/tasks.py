"""What a worker is told to do; every task may run twice, late or not at all."""

from __future__ import annotations

from celery import shared_task

from plugin_host.worker.process import sweep_deliveries, wake_dispatcher


@shared_task(name="plugin_host.tasks.dispatch", ignore_result=True)
def dispatch() -> None:
    """The doorbell: there may be deliveries to make."""
    wake_dispatcher()


@shared_task(name="plugin_host.tasks.sweep", ignore_result=True)
def sweep() -> None:
    """Find what fell through: leases of lost processes, due retries, work whose bell nobody heard."""
    sweep_deliveries()
