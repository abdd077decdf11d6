"""The plugin's part of the API: `/api/v1/plugins/ahrefs-integration/…`, for reading only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.urls import URLPattern, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from plugin_host.auth import require_auth
from plugin_host.runtime import store

from .config import Feature
from .figures import (
    backlinks_of,
    keywords_of,
    keywords_of_record,
    newest_fetch,
    record_with_id,
    records_at,
)
from .pages import read_config
from .syncing import STATE_KEY

if TYPE_CHECKING:
    from plugin_host.context import PluginContext

_ROWS: Final = 200


def urlpatterns(ctx: PluginContext) -> list[URLPattern]:
    """Return the routes. The views keep `ctx`, because settings are read when a request comes."""
    return [
        path("figures", FiguresView.as_view(plugin=ctx), name="figures"),
        path("records/<uuid:record_id>", RecordView.as_view(plugin=ctx), name="record"),
    ]


class _View(APIView):
    permission_classes = [require_auth]
    plugin: PluginContext = None  # type: ignore[assignment]  # `as_view` brings it


class FiguresView(_View):
    """The newest keywords, rankings and backlinks of the site, and what is spent."""

    def get(self, request: Request) -> Response:
        config = read_config(self.plugin)
        state = store.get(STATE_KEY) or {}
        found: dict[str, object] = {
            "target": config.target,
            "units": {name: state.get(name) for name in ("spent", "most", "until")},
        }
        for feature in (Feature.KEYWORDS, Feature.RANKINGS):
            fetch = newest_fetch(config.target, feature)
            rows = keywords_of(config.target, feature, fetch.day, limit=_ROWS) if fetch is not None else []
            records = records_at(config, [row["page"] for row in rows])
            found[feature.value] = {
                "day": fetch.day.isoformat() if fetch is not None else None,
                "rows": [
                    {**row, "content_id": records.get(row["page"], {}).get("content_id")} for row in rows
                ],
            }
        links = newest_fetch(config.target, Feature.BACKLINKS)
        found["backlinks"] = {
            "day": links.day.isoformat() if links is not None else None,
            "live": links.links if links is not None else None,
            "live_refdomains": links.linking_domains if links is not None else None,
            "rows": backlinks_of(config.target, links.day, limit=_ROWS) if links is not None else [],
        }
        return Response(found)


class RecordView(_View):
    """The newest keywords and rankings whose page shows a record."""

    def get(self, request: Request, record_id: UUID) -> Response:
        config = read_config(self.plugin)
        record = record_with_id(record_id)
        return Response(
            {
                "content_id": record["content_id"],
                "title": record["title"],
                "path": record["path"],
                "target": config.target,
                **keywords_of_record(config, record),
            }
        )
