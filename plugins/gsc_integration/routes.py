"""The plugin's part of the API: `/api/v1/plugins/gsc-integration/…`, for reading only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.urls import URLPattern, path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from plugin_host.auth import require_auth

from .figures import days_of, top_pages, top_queries, total_of
from .pages import SPANS, USUAL_SPAN, read_config, span_of
from .records import RecordFigures, records_of

if TYPE_CHECKING:
    from plugin_host.context import PluginContext

_ROWS = 100


def urlpatterns(ctx: PluginContext) -> list[URLPattern]:
    """Return the routes. The views keep `ctx`, because settings are read when a request comes."""
    return [
        path("figures", FiguresView.as_view(plugin=ctx), name="figures"),
        path("records/<uuid:record_id>", RecordView.as_view(plugin=ctx), name="record"),
    ]


class _Span(serializers.Serializer[Any]):
    days = serializers.IntegerField(min_value=1, max_value=max(SPANS), default=USUAL_SPAN)


class _View(APIView):
    permission_classes = [require_auth]
    plugin: PluginContext = None  # type: ignore[assignment]  # `as_view` brings it

    def asked_days(self, request: Request) -> int:
        """Return for how many days figures are wanted: `?days=`."""
        span = _Span(data=request.query_params)
        span.is_valid(raise_exception=True)
        return int(span.validated_data["days"])


class FiguresView(_View):
    """Figures of the property: per day, and of its pages and search terms with most clicks."""

    def get(self, request: Request) -> Response:
        config = read_config(self.plugin)
        first, last = span_of(config, self.asked_days(request))
        days = days_of(config.site, first=first, last=last)
        pages = top_pages(config.site, first=first, last=last, limit=_ROWS)
        records = records_of(config, [one.name for one in pages])
        return Response(
            {
                "property": config.site,
                "total": total_of("", days).document("name") | {"name": "total"},
                "days": [day.document("day") for day in days],
                "pages": [
                    page.document("page") | {"content_id": records.get(page.name, {}).get("content_id")}
                    for page in pages
                ],
                "queries": [
                    one.document("query")
                    for one in top_queries(config.site, first=first, last=last, limit=_ROWS)
                ],
            }
        )


class RecordView(_View):
    """Figures of the page that shows a record."""

    def get(self, request: Request, record_id: UUID) -> Response:
        config = read_config(self.plugin)
        first, last = span_of(config, self.asked_days(request))
        found = RecordFigures(config, record_id, first=first, last=last)
        total = found.total.document("name")
        return Response(
            {
                "content_id": found.record["content_id"],
                "title": found.record["title"],
                "path": found.record["path"],
                "property": config.site,
                "total": total | {"name": "total"},
                "days": [day.document("day") for day in found.days],
                "queries": [one.document("query") for one in found.queries],
            }
        )
