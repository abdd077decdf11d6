"""`admin/plugins/<id>/tasks` and `admin/run-due`: what plugins have scheduled, and running it."""

from __future__ import annotations

from typing import Final, cast, get_args

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.actors import authorize
from core.api.bodies import FLAG, Body, object_schema
from core.api.documents import page_schema
from core.api.views import ApiView, bad_parameter
from core.errors import Malformed, NotFound
from core.scope import current_actor, current_scope
from plugin_host.api.parameters import page_size, page_start
from plugin_host.api.task_documents import (
    MADE_DUE,
    RUN,
    TASK,
    TASKS,
    run_document,
    task_document,
    tasks_document,
)
from plugin_host.models.schedule import ScheduledItem
from plugin_host.scheduling.due import MadeDue
from plugin_host.scheduling.selectors import (
    MAX_PAGE,
    RunState,
    item_runs,
    item_view,
    plugin_schedule,
    run_view,
)
from plugin_host.scheduling.services import item_named, run_due_items, run_item_now, switch_item
from plugin_host.scheduling.tasks import TASK as TASK_KIND
from plugin_host.selectors.plugins import plugin_named

NOTHING: Final = Body(object_schema({}))
TASK_CHANGE: Final = Body(object_schema({"switched_off": FLAG}, required=("switched_off",)))
_TAGS: Final = ["plugins"]
_DEFAULT_PAGE: Final = 20
_STATES: Final = get_args(RunState)


class TaskListView(ApiView):
    """A plugin's scheduled tasks."""

    @extend_schema(tags=_TAGS, summary="List a plugin's scheduled tasks", responses={200: TASKS})
    def get(self, request: Request, plugin_id: str) -> Response:
        authorize(current_actor(), "plugin.read")
        plugin_named(plugin_id)
        return Response(tasks_document(plugin_schedule(plugin_id, TASK_KIND)))


class TaskView(ApiView):
    """One scheduled task."""

    @extend_schema(tags=_TAGS, summary="Show a scheduled task", responses={200: TASK})
    def get(self, request: Request, plugin_id: str, task_id: str) -> Response:
        item = _task(task_id, plugin_id)
        authorize(current_actor(), "plugin.read")
        return Response(task_document(item_view(item)))

    @extend_schema(
        tags=_TAGS,
        summary="Keep a task from running by itself, or let it run again",
        request=TASK_CHANGE.openapi,
        responses={200: TASK},
    )
    def patch(self, request: Request, plugin_id: str, task_id: str) -> Response:
        item = _task(task_id, plugin_id)
        authorize(current_actor(), "plugin.manage")
        changed = switch_item(item, is_off=TASK_CHANGE.read(request)["switched_off"])
        return Response(task_document(item_view(changed)))


class TaskRunListView(ApiView):
    """What became of a task each time that it was due."""

    query_parameters = {"GET": ("limit", "cursor", "state")}

    @extend_schema(
        tags=_TAGS,
        summary="List a task's runs with their attempts, newest first",
        parameters=[
            OpenApiParameter("limit", int, description=f"1 to {MAX_PAGE}"),
            OpenApiParameter("cursor", str, description="`next` of the page before"),
            OpenApiParameter("state", str, enum=[*_STATES], description="several are separated by commas"),
        ],
        responses={200: page_schema(RUN)},
    )
    def get(self, request: Request, plugin_id: str, task_id: str) -> Response:
        item = _task(task_id, plugin_id)
        authorize(current_actor(), "plugin.read")
        asked = request.query_params
        limit = page_size(asked.get("limit", str(_DEFAULT_PAGE)), most=MAX_PAGE)
        found = item_runs(
            item, states=_states(asked.get("state")), before=page_start(asked.get("cursor")), limit=limit
        )
        following = str(found[-1].id) if len(found) == limit else None
        data = [run_document(view) for view in found]
        return Response({"data": data, "next": following, "previous": None, "total": None})


class TaskRunView(ApiView):
    """Running a task now."""

    @extend_schema(
        tags=_TAGS, summary="Run a scheduled task now", request=NOTHING.openapi, responses={202: RUN}
    )
    def post(self, request: Request, task_id: str, plugin_id: str | None = None) -> Response:
        item = _task(task_id, plugin_id)
        authorize(current_actor(), "plugin.manage")
        NOTHING.read(request)
        return Response(run_document(run_view(run_item_now(item).pk)), status=202)


class RunDueView(ApiView):
    """The tick of an external clock."""

    needs_tenant = False

    @extend_schema(
        tags=_TAGS,
        summary="Make what is due run: a tenant's tasks and checks, an operator's at the platform's host all tenants'",
        request=NOTHING.openapi,
        responses={200: MADE_DUE},
    )
    def post(self, request: Request) -> Response:
        NOTHING.read(request)
        made: MadeDue = run_due_items(for_all_tenants=_is_platform())
        return Response({"due": made.runs, "skipped": made.skipped})


def _task(task_id: str, plugin_id: str | None) -> ScheduledItem:
    """Return a task of the tenant; looked up before anything else: what another tenant has is not there."""
    if "\0" in task_id:
        raise NotFound("There is no such task.", code="task_not_found")
    return item_named(TASK_KIND, task_id, plugin_id=plugin_id)


def _is_platform() -> bool:
    scope = current_scope()
    if scope is not None and scope.tenant_id is not None:
        return False
    if current_actor().platform_admin:
        return True
    raise Malformed(
        "Name the tenant: send X-Tenant: its-slug, or a key of that tenant.", code="tenant_needed"
    )


def _states(text: str | None) -> list[RunState]:
    if text is None:
        return []
    wanted = text.split(",")
    for state in wanted:
        if state not in _STATES:
            raise bad_parameter("state", f"There is no state {state!r}; there are: {', '.join(_STATES)}.")
    return [cast("RunState", state) for state in wanted]
