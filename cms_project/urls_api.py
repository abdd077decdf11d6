"""The HTTP API, the same on tenants' hosts and on the platform's."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, include, path, re_path

import tenants.api.openapi  # noqa: F401  # registers the ways to sign in with the document's generator
from core.api.docs import docs
from core.api.plain_views import nothing_here
from core.api.schema import schema_view
from core.scope import current_tenant_id
from plugin_host.registry import loaded_plugins
from plugin_host.state import tenant_plugins
from plugin_host.urls import api_urlpatterns


def _paths_of_plugins_that_are_off() -> Iterator[str]:
    """Yield what the addresses begin with of plugins that do not run for the tenant in scope."""
    tenant_id = current_tenant_id()
    states = tenant_plugins(tenant_id) if tenant_id is not None else {}
    for plugin in loaded_plugins().plugins.values():
        state = states.get(plugin.id)
        if state is None or not state.runs:
            for registration in plugin.registrations.routers:
                yield f"/api/v1/plugins/{registration.prefix}"


api_routes: list[URLPattern | URLResolver] = [
    path("api/schema", schema_view(_paths_of_plugins_that_are_off), name="api-schema"),
    path("api/docs", docs, name="api-docs"),
    path("api/v1/", include("tenants.api.urls")),
    path("api/v1/", include("core.api.urls")),
    path("api/v1/", include("plugin_host.api.urls")),
    path("api/v1/", include(api_urlpatterns())),
    re_path(r"^api(?:/.*)?$", nothing_here),
]
