"""The Celery application: `celery --app cms_project worker` and `beat`."""

from __future__ import annotations

import os

from celery import Celery
from django.conf import settings

from cms_project.worker_progress import note_progress

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cms_project.settings")

app = Celery("tenantry")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
note_progress(settings.REDIS_URL, settings.DATABASE_ROLE_PREFIX)
