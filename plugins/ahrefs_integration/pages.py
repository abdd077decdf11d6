"""The plugin's page in the admin: how the last run went, units, keywords, rankings, backlinks, and one record's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime

from plugin_host.charts import LineChart
from plugin_host.errors import NotFound, PluginConfigError
from plugin_host.runtime import store

from .chart import chart_of
from .config import AhrefsConfig, Feature
from .figures import (
    backlinks_of,
    fetches_of,
    keywords_of,
    keywords_of_record,
    newest_fetch,
    record_with_id,
    records_at,
)
from .syncing import STATE_KEY

if TYPE_CHECKING:
    from plugin_host.context import PluginContext

SHOWN_ROWS: Final = 50

_STATES: Final = {
    "current": ("Up to date", "text-green-700"),
    "behind": ("Still fetching", "text-blue-700"),
    "budget": ("The budget of API units is spent", "text-yellow-700"),
    "waiting": ("Waiting, because Ahrefs asks to", "text-yellow-700"),
    "failed": ("The last run failed", "text-red-700"),
}


def figures_page(ctx: PluginContext) -> Callable[[HttpRequest], HttpResponse]:
    """Return the view. It keeps `ctx`, because settings are read when a request comes."""

    def page(request: HttpRequest) -> HttpResponse:
        shown: dict[str, Any] = {"user": request.user, "active": "ahrefs-integration"}
        try:
            config = read_config(ctx)
        except PluginConfigError as error:
            return render(request, "ahrefs.html", {**shown, "unconfigured": error.message})
        shown |= {"target": config.target, "state": _state(config)}
        record_id = request.GET.get("record", "")
        if record_id:
            return _record_page(request, config, record_id, shown)
        return render(request, "ahrefs.html", shown | _site(config))

    return page


def read_config(ctx: PluginContext) -> AhrefsConfig:
    """Return the tenant's configuration as it is now.

    Raises:
        PluginConfigError: It cannot be used.
    """
    names = ("target", "features", "units_per_month", "country", "mode", "project_id", "device")
    found = {name: ctx.get_setting(name, default=None) for name in names}
    return AhrefsConfig.from_dict({name: value for name, value in found.items() if value is not None})


def _site(config: AhrefsConfig) -> dict[str, Any]:
    lists: list[dict[str, Any]] = []
    pages: list[str] = []
    for feature, title in ((Feature.KEYWORDS, "Keywords"), (Feature.RANKINGS, "Rankings")):
        fetch = newest_fetch(config.target, feature)
        if fetch is not None and feature in config.features:
            rows = keywords_of(config.target, feature, fetch.day, limit=SHOWN_ROWS)
            lists.append({"title": title, "fetch": fetch, "rows": rows})
            pages += [row["page"] for row in rows]
    records = records_at(config, pages)
    for one in lists:
        one["rows"] = [{**row, "record": records.get(row["page"])} for row in one["rows"]]
    links = newest_fetch(config.target, Feature.BACKLINKS)
    return {
        "charts": _charts(config),
        "lists": lists,
        "links": links,
        "backlinks": backlinks_of(config.target, links.day, limit=SHOWN_ROWS) if links is not None else [],
    }


def _charts(config: AhrefsConfig) -> list[LineChart]:
    visits = [(one.day, one.traffic) for one in fetches_of(config.target, Feature.KEYWORDS)]
    domains = [
        (one.day, one.linking_domains)
        for one in fetches_of(config.target, Feature.BACKLINKS)
        if one.linking_domains is not None
    ]
    charts = (chart_of("Estimated visits a month", visits), chart_of("Linking domains", domains))
    return [chart for chart in charts if chart is not None]


def _record_page(
    request: HttpRequest, config: AhrefsConfig, record_id: str, shown: Mapping[str, Any]
) -> HttpResponse:
    try:
        record = record_with_id(UUID(record_id))
    except (NotFound, ValueError):
        return render(request, "ahrefs.html", {**shown, "no_record": True}, status=404)
    found = keywords_of_record(config, record)
    lists = [
        {"title": feature.value.title(), "rows": found[feature.value]}
        for feature in (Feature.KEYWORDS, Feature.RANKINGS)
        if found[feature.value]
    ]
    return render(request, "ahrefs.html", {**shown, "record": record, "lists": lists})


def _state(config: AhrefsConfig) -> dict[str, Any] | None:
    kept = store.get(STATE_KEY)
    if not isinstance(kept, dict) or kept.get("target") != config.target:
        return None
    label, look = _STATES.get(str(kept.get("kind")), ("", ""))
    return {**kept, "at": parse_datetime(str(kept.get("at"))), "label": label, "look": look}
