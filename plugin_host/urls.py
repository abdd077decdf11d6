"""Where plugins answer: their routes, below `/api/v1/plugins/`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from plugin_host.registry import loaded_plugins
from plugin_host.routes import plugin_patterns


def api_urlpatterns() -> list[URLPattern | URLResolver]:
    """Return the routes of all plugins, to be put below /api/v1/; `PluginGateMiddleware` decides who may pass."""
    routes = [pattern for plugin in loaded_plugins().plugins.values() for pattern in plugin_patterns(plugin)]
    return [path("plugins/", include(routes))]
