"""The plugin's page in the admin."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from .models import Task

SHOWN_TASKS = 200


def tasks_page(request: HttpRequest) -> HttpResponse:
    """List the tenant's tasks, the newest first; the host lets in who is signed in to the admin."""
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
