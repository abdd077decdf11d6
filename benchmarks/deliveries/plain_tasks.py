"""A Celery application with a task that does nothing: what the worker alone can do."""

from __future__ import annotations

import os

from celery import Celery

from cms_project.embedded.urls import celery_broker_url

app = Celery("plain")
app.conf.update(
    broker_url=celery_broker_url(os.environ["REDIS_URL"]),
    broker_transport_options={"global_keyprefix": "plain-"},
    task_default_queue="plain",
    task_ignore_result=True,
    worker_hijack_root_logger=False,
)


@app.task(name="plain.nothing")
def nothing() -> None:
    """Do nothing."""
