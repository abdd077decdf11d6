"""The pages that plugins add to a tenant's admin, and their lines in the menu."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.response import SimpleTemplateResponse
from django.urls import reverse

from core.actors import is_allowed
from core.admin.frame import MenuItem
from core.admin.icons import glyph
from core.scope import current_actor, require_tenant
from plugin_host.context import AdminPage
from plugin_host.routes import ordinary_errors, response_of
from plugin_host.runtime_state import plugin_run
from plugin_host.selectors.pauses import paused_error
from plugin_host.state import TenantPlugin, TenantPlugins, tenant_plugins
from tenants.admin_site import tenant_site

DEFAULT_TEMPLATE = "page.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPage:
    """A page of a plugin that is on for the tenant in scope."""

    entry: TenantPlugin
    page: AdminPage

    @property
    def own_address(self) -> str:
        return reverse("admin:plugin_page", args=[self.page.nav_id])

    @property
    def plugin_url(self) -> str:
        """Where the plugin's settings, deliveries and tasks are."""
        return reverse("admin:plugin", args=[self.entry.plugin_id])

    @property
    def link(self) -> str:
        """Where the menu leads: the page itself, or an address elsewhere on the host."""
        is_own = self.page.url.rstrip("/") == self.own_address.rstrip("/") or not self.page.url
        return self.own_address if is_own else self.page.url


def plugins_in_scope() -> TenantPlugins:
    """Return what every plugin is for the tenant in scope."""
    tenant_id = require_tenant().tenant_id
    assert isinstance(tenant_id, UUID)  # require_tenant refuses otherwise
    return tenant_plugins(tenant_id)


def shown_pages() -> Iterator[ShownPage]:
    """Return the pages of the plugins that run for the tenant in scope."""
    return (shown for shown in _pages_of_plugins_that_are_on() if shown.entry.runs)


def _pages_of_plugins_that_are_on() -> Iterator[ShownPage]:
    plugins = plugins_in_scope()
    for entry in plugins.values():
        plugin = plugins.loaded.plugins.get(entry.plugin_id)
        if plugin is not None and (entry.runs or entry.is_paused):
            for page in plugin.registrations.admin_pages:
                yield ShownPage(entry=entry, page=page)


def page_items(request: HttpRequest) -> list[MenuItem]:
    """Return the menu lines of all plugin pages."""
    if not is_allowed(current_actor(), "plugin.use"):
        return []
    return [
        MenuItem(
            title=shown.page.label,
            link=shown.link,
            icon=glyph(shown.page.icon),
            active=request.path.rstrip("/") == shown.link.rstrip("/"),
        )
        for shown in shown_pages()
    ]


def plugin_page(request: HttpRequest, nav_id: str) -> HttpResponseBase:
    """Show a plugin's page: what its view answers, or its `templates/page.html`.

    The view runs as the plugin, and its templates inside the admin's frame.
    """
    shown = next((one for one in _pages_of_plugins_that_are_on() if one.page.nav_id == nav_id), None)
    if shown is None:
        raise Http404("There is no such page, or its plugin is off.")
    if not is_allowed(current_actor(), "plugin.use"):
        raise PermissionDenied
    if shown.entry.is_paused:
        raise paused_error(shown.entry, with_reason=is_allowed(current_actor(), "plugin.read"))
    request.frame_site = tenant_site  # type: ignore[attr-defined]  # read by core.admin.frame.frame_context
    request.frame_extra = {  # type: ignore[attr-defined]  # the same
        "active": nav_id,
        "title": shown.page.label,
        "has_permission": True,
        # Where its settings are, for those who may see them.
        "plugin_name": _name_of(shown),
        "plugin_url": shown.plugin_url if is_allowed(current_actor(), "plugin.read") else "",
    }
    plugin_id = shown.entry.plugin_id
    with plugin_run(shown.entry.run(hook=f"page:{nav_id}")), ordinary_errors(plugin_id, request):
        response = response_of(plugin_id, request, _answer(request, shown.page))
        if isinstance(response, SimpleTemplateResponse):
            # Templates are looked up while they are drawn, in the folder of the plugin that runs.
            response.render()
    return response


def _name_of(shown: ShownPage) -> str:
    return plugins_in_scope().loaded.plugins[shown.entry.plugin_id].metadata.name


def _answer(request: HttpRequest, page: AdminPage) -> Any:
    if page.view is None:
        context: dict[str, Any] = {"request": request, "user": request.user, "active": page.nav_id}
        return render(request, DEFAULT_TEMPLATE, context)
    answer = page.view(request)
    return async_to_sync(_awaited)(answer) if isawaitable(answer) else answer


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer
