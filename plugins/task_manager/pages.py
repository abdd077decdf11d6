"""The plugin's page in the admin."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from plugin_host.auth import require_admin_ui

from .models import Task

SHOWN_TASKS = 200


@require_admin_ui
def tasks_page(request: HttpRequest) -> HttpResponse:
    """List the tenant's tasks, the newest first."""
    # Fetched by queries of their own: a join would drop the tasks of people who have left the tenant.
    tasks = Task.objects.prefetch_related("user", "record").order_by("-created_at", "-id")
    total = tasks.count()
    context = {
        "tasks": tasks[:SHOWN_TASKS],
        "total": total,
        "more": total > SHOWN_TASKS,
        "user": request.user,
        "active": "task-manager",
    }
    return render(request, "page.html", context)
