"""`explain`: may the caller do that, and which rule says so."""

from __future__ import annotations

from typing import Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.documents import answer_schema
from core.api.views import ApiView, bad_parameter
from core.scope import current_actor
from core.selectors.records import record_with_id
from tenants.permissions import ACTIONS, TenantPolicy

_ANSWER: Final = answer_schema({"allowed": {"type": "boolean"}, "rule": {"type": "string"}})
_PARAMETERS: Final = ("action", "collection", "record")


class ExplainView(ApiView):
    """Asks the rules without doing anything."""

    query_parameters = {"GET": _PARAMETERS}

    @extend_schema(
        tags=["auth"],
        summary="Say whether the caller may do something, and which rule decides",
        parameters=[
            OpenApiParameter(name, OpenApiTypes.STR, required=name == "action") for name in _PARAMETERS
        ],
        responses={200: _ANSWER},
    )
    def get(self, request: Request) -> Response:
        asked = request.query_params
        action = asked.get("action", "")
        if action not in ACTIONS:
            raise bad_parameter("action", f"action is one of: {', '.join(ACTIONS)}.")
        collection, owner = asked.get("collection"), None
        if record_id := asked.get("record"):
            record = record_with_id(record_id)
            collection = record.collection.name
            owner = str(record.author_id) if record.author_id else None
        actor = current_actor()
        denial = TenantPolicy().denial(actor, action, collection=collection, owner_id=owner)
        rule = denial or f"{actor.role or actor.kind} may {ACTIONS[action].meaning} ({action})."
        return Response({"allowed": denial is None, "rule": rule})
