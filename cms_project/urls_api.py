"""The HTTP API, the same on tenants' hosts and on the platform's."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from core.api.plain_views import nothing_here
from plugin_host.urls import api_urlpatterns

api_routes: list[URLPattern | URLResolver] = [
    path("api/v1/", include("tenants.api.urls")),
    path("api/v1/", include("core.api.urls")),
    path("api/v1/", include(api_urlpatterns())),
    re_path(r"^api(?:/.*)?$", nothing_here),
]
