"""A deployer's page in the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from plugin_host.auth import require_admin_ui
from plugin_host.deployments.history import History

if TYPE_CHECKING:
    from plugin_host.deployments.plugin import DeploymentPlugin

SHOWN: Final = 50


def deployments_page(plugin: DeploymentPlugin) -> Callable[[HttpRequest], HttpResponse]:
    """Return the view."""
    history = History.of(plugin.name)

    @require_admin_ui
    def page(request: HttpRequest) -> HttpResponse:
        """List the last deployments, and ask for one."""
        if request.method == "POST":
            plugin.deploy_now(str(uuid4()))
            messages.success(request, "A deployment was asked for; it starts in a few seconds.")
            return redirect(request.path)
        context = {
            "service": plugin.service.title,
            "deployments": history.newest(SHOWN),
            "waiting": history.open_changes(),
            "user": request.user,
            "active": plugin.name,
        }
        return render(request, "plugins/deployments.html", context)

    return page
