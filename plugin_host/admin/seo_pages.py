"""Search metrics in the administration: patterns, what was learnt, and the metrics themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from core.actors import is_allowed
from core.admin.frame import FrameAdminSite, MenuItem
from core.models import Record
from core.schema_keywords import as_uuid
from core.scope import current_actor
from plugin_host.admin.plugin_pages import plugins_in_scope
from plugin_host.hookspec import HOOKS
from plugin_host.models.seo import SEOLearning, SEOMetrics, SEOPattern
from plugin_host.seo.extraction import in_words
from tenants.admin_site import tenant_site

PAGE_SIZE: Final = 50
# More of a payload is for programs to read.
SHOWN_CHARACTERS: Final = 100_000
_HOOKS: Final = tuple(name for name, spec in HOOKS.items() if spec.protocol == "SEOMetricsHooks")
_LISTS: Final[Mapping[str, tuple[str, Callable[[], QuerySet[Any]]]]] = {
    "patterns": ("Patterns", SEOPattern.objects.all),
    "learnings": ("Learnt", SEOLearning.objects.all),
    "metrics": ("Metrics", lambda: SEOMetrics.objects.defer("data", "metadata")),
}


def search_metrics(request: HttpRequest) -> HttpResponse:
    """One of the three lists, newest first."""
    _require_right()
    show, before = request.GET.get("show", "patterns"), request.GET.get("before")
    if show not in _LISTS or (before is not None and as_uuid(before) is None):
        raise Http404("There is no such list.")
    rows = _LISTS[show][1]().order_by("-id")
    found = list((rows.filter(pk__lt=before) if before else rows)[: PAGE_SIZE + 1])
    page = found[:PAGE_SIZE]
    context = {
        **tenant_site.each_context(request),
        "title": "Search metrics",
        "show": show,
        "tabs": [
            {"name": name, "title": title, "active": name == show} for name, (title, _rows) in _LISTS.items()
        ],
        "rows": _shown(page),
        "next_before": page[-1].pk if len(found) > PAGE_SIZE else None,
    }
    return TemplateResponse(request, "admin/plugins/search_metrics.html", context)


def one_payload(request: HttpRequest, metrics_id: UUID) -> HttpResponse:
    """One payload, with the patterns that were last seen in it."""
    _require_right()
    metrics = SEOMetrics.objects.filter(pk=metrics_id).first()
    if metrics is None:
        raise Http404("There are no such metrics.")
    patterns = list(SEOPattern.objects.filter(metrics=metrics).order_by("-confidence", "id"))
    text = json.dumps(metrics.data, indent=2, ensure_ascii=False)
    context = {
        **tenant_site.each_context(request),
        "title": f"{metrics.source}: {metrics.domain}",
        "metrics": metrics,
        "data": text[:SHOWN_CHARACTERS],
        "is_cut": len(text) > SHOWN_CHARACTERS,
        "metadata": json.dumps(metrics.metadata, indent=2, ensure_ascii=False)[:SHOWN_CHARACTERS],
        "rows": _shown(patterns),
    }
    return TemplateResponse(request, "admin/plugins/search_payload.html", context)


def routes(site: FrameAdminSite) -> list[URLPattern]:
    """The pages' addresses below the tenants' admin."""
    wrap: Callable[..., Any] = site.admin_view
    return [
        path("settings/search-metrics/", wrap(search_metrics), name="search_metrics"),
        path("settings/search-metrics/<uuid:metrics_id>/", wrap(one_payload), name="search_payload"),
    ]


def items(request: HttpRequest) -> list[MenuItem]:
    """The line in the menu, where a plugin that is on has to do with search metrics."""
    if not is_allowed(current_actor(), "metrics.read"):
        return []
    handlers = plugins_in_scope().handlers
    if not any(handlers.get(hook) for hook in _HOOKS):
        return []
    link = reverse("admin:search_metrics")
    return [
        MenuItem(title="Search metrics", link=link, icon="query_stats", active=request.path.startswith(link))
    ]


def _require_right() -> None:
    if not is_allowed(current_actor(), "metrics.read"):
        raise PermissionDenied


def _shown(rows: list[Any]) -> list[dict[str, Any]]:
    """Return rows with the titles of the records that they are about; one that is gone has none."""
    ids = {row.record_id for row in rows if getattr(row, "record_id", None) is not None}
    found = Record.objects.filter(pk__in=ids).values_list("pk", "title", "slug")
    titles: dict[Any, str] = {pk: title or slug for pk, title, slug in found}
    return [
        {
            "view": row,
            "title": titles.get(getattr(row, "record_id", None)),
            "figures": in_words(row.name, row.evidence) if isinstance(row, SEOPattern) else "",
            "confidence": _confidence(row.confidence) if isinstance(row, SEOPattern) else "",
        }
        for row in rows
    ]


def _confidence(value: float) -> str:
    """Return a confidence that never says that something is certain."""
    return "over 0.99" if value > 0.99 else f"{value:.2f}"
