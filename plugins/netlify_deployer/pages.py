"""The plugin's page in the admin."""

from __future__ import annotations

from typing import Final
from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from plugin_host.auth import require_admin_ui

from . import history
from .plugin import deploy_now

SHOWN: Final = 50


@require_admin_ui
def deployments_page(request: HttpRequest) -> HttpResponse:
    """List the last deployments, and ask for one."""
    if request.method == "POST":
        deploy_now(str(uuid4()))
        messages.success(request, "A deployment was asked for; it starts in a few seconds.")
        return redirect(request.path)
    context = {
        "deployments": history.newest(SHOWN),
        "waiting": history.open_changes(),
        "user": request.user,
        "active": "netlify-deployer",
    }
    return render(request, "page.html", context)
