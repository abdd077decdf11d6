"""The Health pages of a plugin: how its checks fare, the history of each as a chart, and a button that runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from core.admin.frame import FrameAdminSite
from core.admin.model_admin import show_refusal
from core.errors import TenantryError
from core.schema_keywords import as_uuid
from plugin_host.admin.health_chart import BAND_HEIGHT, TIME_HEIGHT, WIDTH, health_chart
from plugin_host.admin.health_display import counts_in_words, shown_check, shown_result
from plugin_host.admin.plugin_view import PluginView
from plugin_host.health.running import ask_for_checks, switch_check
from plugin_host.health.selectors import (
    CheckState,
    HealthOverview,
    health_overview,
    health_results,
    health_series,
    last_statuses,
)

PAGE_SIZE: Final = 25
_STRIP: Final = 30
# A page that waits for results loads itself again that often, every two seconds.
_RELOADS: Final = 10
_RANGES: Final[Mapping[str, tuple[str, timedelta]]] = {
    "day": ("24 hours", timedelta(days=1)),
    "week": ("7 days", timedelta(days=7)),
    "month": ("30 days", timedelta(days=30)),
}
# What the buttons of a check ask for, and what is said afterwards.
_SWITCHED: Final[Mapping[str, str]] = {
    "switch_off": "does not run by itself any more, and does not count",
    "switch_on": "runs by itself again",
}


def plugin_health(request: HttpRequest, plugin_id: str) -> HttpResponse:
    """Every check at every target, the worst first."""
    view = PluginView(plugin_id)
    overview = health_overview(plugin_id)
    strips = last_statuses(plugin_id, count=_STRIP)
    context = {
        **_shared(request, view, overview, overview.checks),
        "rows": [
            shown_check(plugin_id, one, strips.get((one.check_id, one.target), ())) for one in overview.checks
        ],
    }
    return view.render(request, "health", "plugin_health", context)


def plugin_health_check(request: HttpRequest, plugin_id: str) -> HttpResponse:
    """One check at one target: what it found, its history as a chart and as a table."""
    view = PluginView(plugin_id)
    overview = health_overview(plugin_id)
    asked = request.GET
    check, target = asked.get("check", ""), asked.get("target", "")
    state = next((one for one in overview.checks if (one.check_id, one.target) == (check, target)), None)
    span, before = asked.get("range", "day"), asked.get("before")
    if state is None or span not in _RANGES or (before is not None and as_uuid(before) is None):
        raise Http404("There is no such check.")
    end = timezone.now()
    title, length = _RANGES[span]
    points = health_series(plugin_id, check=check, target=target, since=end - length)
    found = health_results(
        plugin_id,
        check=check,
        target=target,
        before=as_uuid(before) if before else None,
        limit=PAGE_SIZE + 1,
    )
    times = [point.ms for point in points if point.ms is not None]
    context = {
        **_shared(request, view, overview, [state]),
        "row": shown_check(plugin_id, state),
        "chart": health_chart(points, start=end - length, end=end) if points else None,
        "size": {"width": WIDTH, "times": TIME_HEIGHT, "middle": TIME_HEIGHT / 2, "band": BAND_HEIGHT},
        "summary": counts_in_words([point.status for point in points]),
        "slowest": max(times, default=None),
        "span": title,
        "ranges": [
            {"name": name, "title": label, "active": name == span}
            for name, (label, _length) in _RANGES.items()
        ],
        "results": [shown_result(one) for one in found[:PAGE_SIZE]],
        "next_before": found[PAGE_SIZE - 1].pk if len(found) > PAGE_SIZE else None,
        "list_url": reverse("admin:plugin_health", args=[plugin_id]),
        "secrets_url": _secrets_url(view),
        "switch_url": reverse("admin:plugin_health_switch", args=[plugin_id]) if view.may_manage else "",
    }
    return view.render(request, "health_check", "plugin_health", context)


def plugin_health_run(request: HttpRequest, plugin_id: str) -> HttpResponse:
    """Have a worker run the checks, or one of them."""
    view = PluginView(plugin_id)
    if request.method == "POST":
        if not view.may_manage:
            raise PermissionDenied
        try:
            asked = ask_for_checks(plugin_id, check=request.POST.get("check") or None)
        except TenantryError as refusal:
            show_refusal(request, refusal)
        else:
            many = "A check runs" if len(asked) == 1 else f"{len(asked)} checks run"
            messages.success(request, f"{many} now; what they find appears here.")
            return HttpResponseRedirect(
                f"{reverse('admin:plugin_health', args=[plugin_id])}?reloads={_RELOADS}"
            )
    return HttpResponseRedirect(reverse("admin:plugin_health", args=[plugin_id]))


def plugin_health_switch(request: HttpRequest, plugin_id: str) -> HttpResponse:
    """Keep a check at one target from running by itself, or let it run again."""
    view = PluginView(plugin_id)
    check, target = request.POST.get("check", ""), request.POST.get("target", "")
    if request.method == "POST":
        if not view.may_manage:
            raise PermissionDenied
        do = request.POST.get("do", "")
        if do not in _SWITCHED:
            raise Http404("There is no such step.")
        try:
            switch_check(plugin_id, check, is_off=do == "switch_off", target=target)
        except TenantryError as refusal:
            show_refusal(request, refusal)
            return HttpResponseRedirect(reverse("admin:plugin_health", args=[plugin_id]))
        messages.success(request, f"{check} at {target} {_SWITCHED[do]}.")
    query = urlencode({"check": check, "target": target})
    return HttpResponseRedirect(f"{reverse('admin:plugin_health_check', args=[plugin_id])}?{query}")


def _secrets_url(view: PluginView) -> str:
    if not view.may_manage or view.loaded is None or view.loaded.metadata.secrets_schema is None:
        return ""
    return reverse("admin:plugin_secrets", args=[view.id])


def _shared(request: HttpRequest, view: PluginView, overview: HealthOverview, shown: Any) -> dict[str, Any]:
    states: list[CheckState] = list(shown)
    left = request.GET.get("reloads", "0")
    reloads = min(int(left), _RELOADS) if left.isascii() and left.isdigit() and len(left) <= 2 else 0
    is_waiting = any(one.is_waiting for one in states)
    return {
        "overview": overview,
        "may_run": view.may_manage and not overview.why_not and bool(overview.checks),
        "run_url": reverse("admin:plugin_health_run", args=[view.id]),
        # Without scripts; it ends by itself where no worker is there to run anything.
        "reload_to": f"?reloads={reloads - 1}" if is_waiting and reloads > 0 else "",
    }


def health_routes(site: FrameAdminSite) -> list[URLPattern]:
    """The addresses of these pages below the tenants' admin."""
    wrap: Callable[..., Any] = site.admin_view
    one = "settings/plugins/<str:plugin_id>/health/"
    return [
        path(one, wrap(plugin_health), name="plugin_health"),
        path(f"{one}check/", wrap(plugin_health_check), name="plugin_health_check"),
        path(f"{one}run/", wrap(plugin_health_run), name="plugin_health_run"),
        path(f"{one}switch/", wrap(plugin_health_switch), name="plugin_health_switch"),
    ]
