"""What answers on the platform's own hosts."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from cms_project.readiness import PROBES
from cms_project.urls_api import api_routes
from core.api import health, problems
from tenants.admin_site import platform_site
from tenants.api.urls import platform_urlpatterns

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url="/admin/")),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", platform_site.urls),
    path("livez", health.livez),
    path("readyz", health.readyz, {"probes": PROBES}),
    path("api/v1/", include(platform_urlpatterns)),
    *api_routes,
]

handler400 = problems.bad_request
handler403 = problems.permission_denied
handler404 = problems.page_not_found
handler500 = problems.server_error
