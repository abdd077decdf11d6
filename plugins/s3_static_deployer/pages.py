"""The plugin's page in the admin: what stands in the bucket, and what is still to be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime

from plugin_host.runtime import store

from .models import Invalidation, SiteObject

if TYPE_CHECKING:
    from plugin_host.context import PluginContext

SHOWN: Final = 25


def _last() -> dict[str, Any] | None:
    kept = store.get("last-deployment")
    return {**kept, "at": parse_datetime(str(kept.get("at")))} if isinstance(kept, dict) else None


def deployer_page(ctx: PluginContext) -> Callable[[HttpRequest], HttpResponse]:
    """Return the view; it keeps `ctx`, because settings are read when a request comes."""

    def page(request: HttpRequest) -> HttpResponse:
        prefix = str(ctx.get_setting("prefix", default="")).strip("/")
        place = f"{ctx.get_setting('bucket', default='')}/{f'{prefix}/' if prefix else ''}"
        rows = SiteObject.objects.filter(place=place)
        context = {
            "place": place,
            "figures": rows.aggregate(
                files=Count("pk", filter=Q(kind=SiteObject.FILE)),
                redirects=Count("pk", filter=Q(kind=SiteObject.REDIRECT)),
                stale=Count("pk", filter=Q(is_stale=True)),
                to_invalidate=Count("pk", filter=Q(is_to_invalidate=True)),
                size_bytes=Sum("size_bytes", default=0),
            ),
            "objects": rows.exclude(kind=SiteObject.NOTHING).order_by("-stored_at", "path")[:SHOWN],
            "invalidations": Invalidation.objects.order_by("-created_at")[:SHOWN],
            "distribution_id": ctx.get_setting("distribution_id", default=""),
            "last": _last(),
            "user": request.user,
            "active": "s3-static-deployer",
        }
        return render(request, "s3_static_deployer.html", context)

    return page
