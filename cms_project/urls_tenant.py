"""What answers on a tenant's host."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from cms_project.readiness import PROBES
from cms_project.urls_api import api_routes
from core.api import health, problems
from core.views.site import not_found
from tenants.admin_site import tenant_site

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", tenant_site.urls),
    path("livez", health.livez),
    path("readyz", health.readyz, {"probes": PROBES}),
    *api_routes,
    path("", include("core.views.urls")),
]

handler400 = problems.bad_request
handler403 = problems.permission_denied
handler500 = problems.server_error


def handler404(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer in the site's own frame, outside of the API and the administration."""
    if problems.is_api(request) or request.path.startswith("/admin/"):
        return problems.page_not_found(request, exception)
    return not_found(request, exception)
