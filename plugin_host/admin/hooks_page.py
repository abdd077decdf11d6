"""The page of all hooks: who handles each, in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from core.actors import is_allowed
from core.admin.frame import FrameAdminSite
from core.scope import current_actor
from plugin_host.admin.plugin_pages import plugins_in_scope
from plugin_host.registry import LoadedPlugins, loaded_plugins
from plugin_host.selectors.hooks import ListedHook, hooks_of_installation, hooks_of_tenant
from tenants.admin_site import platform_site, tenant_site


def plugin_hooks(request: HttpRequest) -> HttpResponse:
    """Handlers of the tenant's plugins."""
    if not is_allowed(current_actor(), "plugin.read"):
        raise PermissionDenied
    plugins = plugins_in_scope()
    return _page(request, tenant_site, hooks_of_tenant(plugins), plugins.loaded, of_tenant=True)


def platform_hooks(request: HttpRequest) -> HttpResponse:
    """Handlers of all plugins that are loaded."""
    if not is_allowed(current_actor(), "installation.manage"):
        raise PermissionDenied
    loaded = loaded_plugins()
    return _page(request, platform_site, hooks_of_installation(loaded), loaded, of_tenant=False)


def routes(site: FrameAdminSite) -> list[URLPattern]:
    """The page's address below the tenants' admin."""
    wrap: Callable[..., Any] = site.admin_view
    return [path("settings/plugins/hooks/", wrap(plugin_hooks), name="plugin_hooks")]


def platform_routes(site: FrameAdminSite) -> list[URLPattern]:
    """The page's address below the platform's admin."""
    return [path("settings/plugins/hooks/", site.admin_view(platform_hooks), name="platform_hooks")]


def _page(
    request: HttpRequest,
    site: FrameAdminSite,
    hooks: Iterable[ListedHook],
    loaded: LoadedPlugins,
    *,
    of_tenant: bool,
) -> HttpResponse:
    shown = [_shown(hook, loaded) for hook in hooks]
    context = {
        **site.each_context(request),
        "title": "Hooks and their order",
        "of_tenant": of_tenant,
        "handled": [hook for hook in shown if hook["handlers"]],
        "free": [
            {"protocol": protocol, "hooks": list(group)}
            for protocol, group in groupby(
                (hook for hook in shown if not hook["handlers"]), key=lambda hook: str(hook["view"].protocol)
            )
        ],
    }
    return TemplateResponse(request, "admin/plugins/hooks.html", context)


def _shown(hook: ListedHook, loaded: LoadedPlugins) -> dict[str, Any]:
    return {
        "view": hook,
        "in_order": hook.kind.value in ("filter", "gate", "first-wins"),
        "handlers": [
            {
                "view": handler,
                "plugin": loaded.plugins[handler.plugin_id].metadata.name,
                # The key begins with what it was registered for.
                "function": handler.key.rpartition(":")[2],
            }
            for handler in hook.handlers
        ],
    }
