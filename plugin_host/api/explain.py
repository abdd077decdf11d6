"""`admin/plugins/explain`: why plugins ran, or did not, for an event."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.actors import authorize
from core.api.views import ApiView, bad_parameter
from core.models import Event
from core.schema_keywords import as_uuid
from core.scope import current_actor
from plugin_host.api.explain_documents import EXPLANATION, explanation_document
from plugin_host.selectors.explain import event_to_explain, explain_event, latest_event_of_record
from plugin_host.selectors.plugins import plugin_named

_PARAMETERS: Final = [
    OpenApiParameter("event", OpenApiTypes.UUID, description="The event; or name a record."),
    OpenApiParameter("record", OpenApiTypes.UUID, description="The record's latest event."),
    OpenApiParameter(
        "type", str, description="Together with `record`: its latest event of that type, record.published."
    ),
]


class ExplainView(ApiView):
    """An event and every plugin, or one."""

    query_parameters = {"GET": ("event", "record", "type")}

    @extend_schema(
        tags=["plugins"],
        summary="Say why plugins ran, or did not, for an event",
        parameters=_PARAMETERS,
        responses={200: EXPLANATION},
    )
    def get(self, request: Request, plugin_id: str | None = None) -> Response:
        authorize(current_actor(), "plugin.read")
        if plugin_id is not None:
            plugin_named(plugin_id)
        found = explain_event(_asked_event(request), plugin_id=plugin_id)
        return Response(explanation_document(found), headers={"Cache-Control": "no-store"})


def _asked_event(request: Request) -> Event:
    event, record = (_as_id(request, name) for name in ("event", "record"))
    event_type = request.query_params.get("type", "")
    if (event is None) == (record is None):
        raise bad_parameter("event", "Name one of the two: ?event=ID, or ?record=ID for its latest event.")
    if event is not None:
        if event_type:
            raise bad_parameter("type", "type goes with record: an event has its own.")
        return event_to_explain(event)
    assert record is not None  # one of the two is there
    return latest_event_of_record(record, event_type=event_type)


def _as_id(request: Request, name: str) -> UUID | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    found = as_uuid(text)
    if found is None:
        raise bad_parameter(
            name, f"{name} is an id such as 01890a5d-ac96-774b-bcce-b302099a8057, not {text!r}."
        )
    return found
