"""The plugin's page in the admin: how the last run went, figures per day, pages and search terms, and one record's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime

from plugin_host.errors import NotFound, PluginConfigError
from plugin_host.runtime import store

from .chart import chart_of
from .config import GSCConfig
from .figures import Figures, days_of, newest_day, top_pages, top_queries, total_of
from .records import RecordFigures, records_of
from .syncing import STATE_KEY

if TYPE_CHECKING:
    from plugin_host.context import PluginContext

SPANS: Final = (7, 28, 90, 486)
USUAL_SPAN: Final = 28
SHOWN_ROWS: Final = 50

_STATES: Final = {
    "current": ("Up to date", "text-green-700"),
    "behind": ("Still fetching earlier days", "text-blue-700"),
    "waiting": ("Waiting for Google's quota", "text-yellow-700"),
    "failed": ("The last run failed", "text-red-700"),
}


def figures_page(ctx: PluginContext) -> Callable[[HttpRequest], HttpResponse]:
    """Return the view. It keeps `ctx`, because settings are read when a request comes."""

    def page(request: HttpRequest) -> HttpResponse:
        shown: dict[str, Any] = {"user": request.user, "active": "gsc-integration"}
        try:
            config = read_config(ctx)
        except PluginConfigError:
            return render(request, "figures.html", {**shown, "unconfigured": True})
        days = _span(request)
        first, last = span_of(config, days)
        shown |= {
            "property": config.site,
            "state": _state(config),
            "span": days,
            "spans": SPANS,
            "first": first,
            "last": last,
        }
        record_id = request.GET.get("record", "")
        if record_id:
            return _record_page(request, config, record_id, shown, first, last)
        figures = days_of(config.site, first=first, last=last)
        pages = top_pages(config.site, first=first, last=last, limit=SHOWN_ROWS)
        records = records_of(config, [one.name for one in pages])
        shown |= _shown(figures) | {
            "pages": [{"figures": one, "record": records.get(one.name)} for one in pages],
            "queries": top_queries(config.site, first=first, last=last, limit=SHOWN_ROWS),
        }
        return render(request, "figures.html", shown)

    return page


def _record_page(
    request: HttpRequest, config: GSCConfig, record_id: str, shown: dict[str, Any], first: date, last: date
) -> HttpResponse:
    try:
        found = RecordFigures(config, UUID(record_id), first=first, last=last)
    except (NotFound, ValueError):
        return render(request, "figures.html", {**shown, "no_record": True}, status=404)
    shown |= _shown(found.days) | {"record": found.record, "queries": found.queries}
    return render(request, "figures.html", shown)


def read_config(ctx: PluginContext) -> GSCConfig:
    """Return the tenant's configuration as it is now.

    Raises:
        PluginConfigError: It has no property.
    """
    names = ("property", "backfill_days", "data_state", "query_rows_per_day", "keep_days", "hour")
    found = {name: ctx.get_setting(name, default=None) for name in names}
    return GSCConfig.from_dict({name: value for name, value in found.items() if value is not None})


def span_of(config: GSCConfig, days: int) -> tuple[date, date]:
    """Return the last so many days for which there are figures."""
    newest = newest_day(config.site)
    last = newest.day if newest is not None else date.min + timedelta(days=1000)
    return last - timedelta(days=days - 1), last


def _span(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    return int(asked) if asked in {str(span) for span in SPANS} else USUAL_SPAN


def _shown(days: list[Figures]) -> dict[str, Any]:
    return {
        "days": days[::-1],
        "total": total_of("", days),
        "charts": [
            chart
            for chart in (
                chart_of("Clicks", days, value="clicks"),
                chart_of("Impressions", days, value="impressions"),
            )
            if chart is not None
        ],
    }


def _state(config: GSCConfig) -> dict[str, Any] | None:
    kept = store.get(STATE_KEY)
    if not isinstance(kept, dict) or kept.get("property") != config.site:
        return None
    label, look = _STATES.get(str(kept.get("kind")), ("", ""))
    return {**kept, "at": parse_datetime(str(kept.get("at"))), "label": label, "look": look}
