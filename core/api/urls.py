"""Addresses of the content API, below /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, path

from core.api import delivery
from core.api.plain_views import read_only

urlpatterns: list[URLPattern] = [
    path("content/<str:collection>", read_only(delivery.published_list), name="content-list"),
    path("content/<str:collection>/<str:key>", read_only(delivery.published_item), name="content-item"),
]
