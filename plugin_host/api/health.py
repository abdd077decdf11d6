"""`admin/plugins/<id>/health`: how a plugin's checks fare, and running them now."""

from __future__ import annotations

from typing import Final

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.actors import authorize
from core.api.bodies import FLAG, TEXT, Body, object_schema
from core.api.views import ApiView
from core.scope import current_actor
from plugin_host.api.health_documents import (
    ASKED,
    CHECKS,
    HEALTH,
    asked_document,
    check_document,
    overview_document,
    result_document,
)
from plugin_host.api.parameters import earliest, page_size, page_start
from plugin_host.health.running import ask_for_checks, switch_check
from plugin_host.health.selectors import MAX_PAGE, health_overview, health_results

NOTHING: Final = Body(object_schema({}))
CHECK_CHANGE: Final = Body(
    object_schema({"check": TEXT, "target": TEXT, "switched_off": FLAG}, required=("check", "switched_off"))
)
_TAGS: Final = ["plugins"]
_DEFAULT_PAGE: Final = 20
_CHECK: Final = OpenApiParameter("check", str, description="Id of a check, with or without the plugin's")


class HealthView(ApiView):
    """The verdicts that hold, and the results behind them."""

    query_parameters = {"GET": ("check", "target", "since", "limit", "cursor")}

    @extend_schema(
        tags=_TAGS,
        summary="Show how a plugin's checks fare, with their results, newest first",
        parameters=[
            _CHECK,
            OpenApiParameter(
                "target", str, description="What was checked: a domain, or what the check names"
            ),
            OpenApiParameter("since", str, description="Only results from this moment on"),
            OpenApiParameter("limit", int, description=f"Results on a page, 1 to {MAX_PAGE}"),
            OpenApiParameter("cursor", str, description="`next` of the page before"),
        ],
        responses={200: HEALTH},
    )
    def get(self, request: Request, plugin_id: str) -> Response:
        authorize(current_actor(), "plugin.read")
        overview = health_overview(plugin_id)
        asked = request.query_params
        limit = page_size(asked.get("limit", str(_DEFAULT_PAGE)), most=MAX_PAGE)
        found = health_results(
            plugin_id,
            check=asked.get("check"),
            target=asked.get("target"),
            since=earliest("since", asked.get("since")),
            before=page_start(asked.get("cursor")),
            limit=limit,
        )
        following = str(found[-1].pk) if len(found) == limit else None
        return Response(
            {
                **overview_document(overview),
                "data": [result_document(one) for one in found],
                "next": following,
                "previous": None,
                "total": None,
            }
        )

    @extend_schema(
        tags=_TAGS,
        summary="Keep a check from running by itself, at all of its targets or one, or let it run again",
        request=CHECK_CHANGE.openapi,
        responses={200: CHECKS},
    )
    def patch(self, request: Request, plugin_id: str) -> Response:
        authorize(current_actor(), "plugin.manage")
        wanted = CHECK_CHANGE.read(request)
        items = switch_check(
            plugin_id, wanted["check"], is_off=wanted["switched_off"], target=wanted.get("target")
        )
        switched = {(item.item_id, item.target) for item in items}
        states = health_overview(plugin_id).checks
        data = [check_document(one) for one in states if (one.check_id, one.target) in switched]
        return Response({"data": data})


class HealthRunView(ApiView):
    """Running checks now."""

    query_parameters = {"POST": ("check",)}

    @extend_schema(
        tags=_TAGS,
        summary="Have a worker run a plugin's checks now, or one of them",
        parameters=[_CHECK],
        request=NOTHING.openapi,
        responses={202: ASKED},
    )
    def post(self, request: Request, plugin_id: str) -> Response:
        NOTHING.read(request)
        asked = ask_for_checks(plugin_id, check=request.query_params.get("check"))
        return Response({"data": [asked_document(one) for one in asked]}, status=202)
