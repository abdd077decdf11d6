"""What answers on the platform's own hosts."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from django.views.generic import RedirectView

from tenants.admin_site import platform_site

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", platform_site.urls),
]
