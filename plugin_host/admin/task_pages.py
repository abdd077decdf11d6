"""The Tasks pages of a plugin: what it has scheduled, how each run went, and buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from core.admin.frame import FrameAdminSite
from core.admin.model_admin import show_refusal
from core.errors import NotFound, TenantryError
from core.schema_keywords import as_uuid
from plugin_host.admin.plugin_view import PluginView
from plugin_host.admin.task_display import SHOWN_RUNS, shown_run, shown_task
from plugin_host.models.schedule import ScheduledItem
from plugin_host.scheduling.selectors import item_runs, item_view, plugin_schedule, tenant_time_zone
from plugin_host.scheduling.services import item_named, run_item_now, switch_item
from plugin_host.scheduling.tasks import TASK

PAGE_SIZE: Final = 20


def plugin_tasks(request: HttpRequest, plugin_id: str) -> HttpResponse:
    """Every task with its next and its last run."""
    view = PluginView(plugin_id)
    schedule = plugin_schedule(plugin_id, TASK)
    context = {
        "rows": [
            shown_task(one, zone=schedule.time_zone, may_manage=view.may_manage) for one in schedule.items
        ],
        "problem": schedule.problem,
        "zone": schedule.time_zone,
        "is_on": view.entry is not None and view.entry.is_on,
    }
    return view.render(request, "tasks", "plugin_tasks", context)


def plugin_task(request: HttpRequest, plugin_id: str, task_id: str) -> HttpResponse:
    """One task with its runs."""
    view = PluginView(plugin_id)
    item = _item(plugin_id, task_id)
    show, before = request.GET.get("show", "all"), request.GET.get("before")
    if show not in SHOWN_RUNS or (before is not None and as_uuid(before) is None):
        raise Http404("There is no such list.")
    found = item_runs(
        item,
        states=SHOWN_RUNS[show][1],
        before=as_uuid(before) if before else None,
        limit=PAGE_SIZE + 1,
    )
    zone = tenant_time_zone()
    page = found[:PAGE_SIZE]
    row = shown_task(item_view(item), zone=zone, may_manage=view.may_manage)
    context = {
        "page_title": row["item"].name,
        "row": row,
        "facts": _facts(row),
        "runs": [shown_run(one, zone=zone) for one in page],
        "zone": zone,
        "show": show,
        "choices": [
            {"name": name, "title": title, "active": name == show}
            for name, (title, _states) in SHOWN_RUNS.items()
        ],
        "next_before": page[-1].id if len(found) > PAGE_SIZE else None,
        "list_url": reverse("admin:plugin_tasks", args=[plugin_id]),
    }
    return view.render(request, "task", "plugin_tasks", context)


def plugin_task_do(request: HttpRequest, plugin_id: str, task_id: str) -> HttpResponse:
    """Run a task now, switch it off or on."""
    view = PluginView(plugin_id)
    item = _item(plugin_id, task_id)
    if request.method == "POST":
        if not view.may_manage:
            raise PermissionDenied
        step = _STEPS.get(request.POST.get("do", ""))
        if step is None:
            raise Http404("There is no such step.")
        service, done = step
        try:
            service(item)
        except TenantryError as refusal:
            show_refusal(request, refusal)
        else:
            messages.success(request, f"{item.name} {done}.")
    return HttpResponseRedirect(reverse("admin:plugin_task", args=[plugin_id, task_id]))


# What the buttons of a task ask for, and what is said afterwards.
_STEPS: Final[dict[str, tuple[Callable[[ScheduledItem], object], str]]] = {
    "run": (run_item_now, "runs as soon as a worker is free"),
    "switch_off": (lambda item: switch_item(item, is_off=True), "does not run by itself any more"),
    "switch_on": (lambda item: switch_item(item, is_off=False), "runs by itself again"),
}


def _item(plugin_id: str, task_id: str) -> ScheduledItem:
    try:
        return item_named(TASK, task_id, plugin_id=plugin_id)
    except NotFound as error:
        raise Http404(error.message) from error


def _facts(row: dict[str, Any]) -> list[tuple[str, Any]]:
    definition = row["view"].definition
    facts = [
        ("Id", row["item"].item_id),
        ("Schedule", row["view"].schedule),
        ("Time limit", f"{definition.get('timeout_seconds')} s"),
        ("Further attempts", f"up to {definition.get('max_retries')} after a failure"),
    ]
    return [(name, value) for name, value in facts if value]


def task_routes(site: FrameAdminSite) -> list[URLPattern]:
    """The addresses of these pages below the tenants' admin."""
    wrap: Callable[..., Any] = site.admin_view
    tasks = "settings/plugins/<str:plugin_id>/tasks/"
    return [
        path(tasks, wrap(plugin_tasks), name="plugin_tasks"),
        path(f"{tasks}<str:task_id>/", wrap(plugin_task), name="plugin_task"),
        path(f"{tasks}<str:task_id>/do/", wrap(plugin_task_do), name="plugin_task_do"),
    ]
