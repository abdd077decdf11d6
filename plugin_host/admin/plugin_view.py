"""What all pages of one plugin share: who may look, its card, its tabs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from core.actors import is_allowed
from core.scope import current_actor
from plugin_host.admin.cards import PluginCard, plugin_card
from plugin_host.admin.plugin_pages import plugins_in_scope
from plugin_host.health.definitions import has_checks
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.registry import LoadFailure
from plugin_host.scheduling.kinds import handles
from plugin_host.scheduling.tasks import COLLECT_HOOK
from plugin_host.selectors.pauses import Trouble, trouble_of
from plugin_host.state import TenantPlugin
from tenants.admin_site import tenant_site


class PluginView:
    """One plugin for the tenant in scope, and whether the person may change it."""

    def __init__(self, plugin_id: str) -> None:
        if not is_allowed(current_actor(), "plugin.read"):
            raise PermissionDenied
        plugins = plugins_in_scope()
        if plugin_id not in plugins and plugin_id not in plugins.loaded.failures:
            raise Http404("There is no such plugin.")
        self.id = plugin_id
        self.entry: TenantPlugin | None = plugins.get(plugin_id)
        self.loaded: LoadedPlugin | None = plugins.loaded.plugins.get(plugin_id)
        self.failure: LoadFailure | None = plugins.loaded.failures.get(plugin_id)
        self.may_manage = is_allowed(current_actor(), "plugin.manage")
        self.trouble = trouble_of(self.entry) if self.entry is not None else Trouble()
        self.card: PluginCard = plugin_card(plugin_id, plugins, self.trouble, may_manage=self.may_manage)

    def require_management(self) -> tuple[LoadedPlugin, TenantPlugin]:
        """Return the plugin where it is loaded and the person may change it."""
        if not self.may_manage:
            raise PermissionDenied
        if self.loaded is None or self.entry is None:
            raise Http404("The plugin is not loaded.")
        return self.loaded, self.entry

    def render(
        self, request: HttpRequest, template: str, tab: str, context: Mapping[str, Any]
    ) -> HttpResponse:
        """Show one of the plugin's pages below its tabs."""
        shared = {
            **tenant_site.each_context(request),
            "title": self.card.name,
            "card": self.card,
            "tabs": (tabs := self._tabs(tab)),
            "tab_title": next((one["title"] for one in tabs if one["active"]), ""),
        }
        return TemplateResponse(request, f"admin/plugins/{template}.html", {**shared, **context})

    def _tabs(self, active: str) -> list[dict[str, Any]]:
        tabs = [("plugin", "Overview")]
        if self.loaded is not None and self.may_manage:
            tabs.append(("plugin_config", "Configuration"))
            if self.loaded.metadata.secrets_schema is not None:
                tabs.append(("plugin_secrets", "Secrets"))
        tabs.append(("plugin_deliveries", "Deliveries"))
        if self.loaded is not None and has_checks(self.loaded):
            tabs.append(("plugin_health", "Health"))
        if self.loaded is not None and handles(self.loaded, COLLECT_HOOK):
            tabs.append(("plugin_tasks", "Tasks"))
        return [
            {"title": title, "link": reverse(f"admin:{name}", args=[self.id]), "active": name == active}
            for name, title in tabs
        ]
