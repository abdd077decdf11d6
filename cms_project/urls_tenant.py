"""What answers on a tenant's host."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from django.views.generic import RedirectView

from tenants.admin_site import tenant_site

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", tenant_site.urls),
]
