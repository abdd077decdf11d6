"""The interactive documentation of the API; everything it needs comes from this installation."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core.api.plain_views import read_only
from core.api.schema import ADDRESS


@read_only
def docs(request: HttpRequest) -> HttpResponse:
    """Show the OpenAPI document of this host, with forms to try it."""
    shown = {
        "schema_address": ADDRESS,
        "csrf_cookie": settings.CSRF_COOKIE_NAME,
        "csrf_header": "X-CSRFToken",
    }
    return render(request, "api/docs.html", shown)
