"""`events`: the tenant's log, to find what was missed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from django.db.models import Q, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.actors import authorize
from core.api.documents import EVENT, event_document, page_etag, page_schema
from core.api.pagination import PARAMETERS, PageOf, page_of
from core.api.views import ApiView, bad_parameter, is_unmodified
from core.errors import NotFound
from core.models import Event
from core.schema_keywords import as_uuid
from core.scope import current_actor
from core.services.event_log import place_events, position_of

_TYPE: Final = re.compile(r"[a-z_]+(\.[a-z_]+)*(\.\*)?")


class EventListView(ApiView):
    """What happened, first first; nothing is skipped, however late it was committed."""

    query_parameters = {
        "GET": ("after", "type", "collection", *(name for name in PARAMETERS if name != "sort"))
    }

    @extend_schema(
        tags=["events"],
        summary="Read the log of events",
        description=(
            "In the order of the log. Read it to the end (`next` is null), keep the id of the last event, and go on "
            "from there with `after`. Needs `event.read`: owners, administrators, and keys with the scope "
            "`event.read:*` (`event.read:posts` reads `collection=posts`)."
        ),
        parameters=[
            OpenApiParameter("after", OpenApiTypes.UUID, description="Only what stands behind this event."),
            OpenApiParameter(
                "type",
                OpenApiTypes.STR,
                description="One or several, with commas between: `record.published` or a family, `record.*`.",
            ),
            OpenApiParameter("collection", OpenApiTypes.STR, description="Only events of this collection."),
        ],
        responses={200: page_schema(EVENT)},
    )
    def get(self, request: Request) -> Response:
        parameters = request.query_params.dict()
        # Without a collection, or with "*", only a key for all of them will do.
        collection = parameters.get("collection", "").strip("*")
        authorize(current_actor(), "event.read", collection=collection or None)
        rows = _wanted(parameters)
        page = _page(rows, parameters)
        document = page.document(event_document)
        etag = page_etag(document, [str(event.pk) for event in page.rows])
        if is_unmodified(request, etag):
            return Response(status=304, headers={"ETag": etag})
        return Response(document, headers={"ETag": etag})


def _wanted(parameters: Mapping[str, str]) -> QuerySet[Event]:
    rows: QuerySet[Event] = Event.objects.filter(position__isnull=False)
    if "after" in parameters:
        rows = rows.filter(position__gt=_position(parameters["after"]))
    if parameters.get("collection"):
        rows = rows.filter(collection_name=parameters["collection"])
    if "type" in parameters:
        rows = rows.filter(_of_types(parameters["type"]))
    return rows


def _page(rows: QuerySet[Event], parameters: Mapping[str, str]) -> PageOf[Event]:
    """Return the page; the last one only when every committed event has its place."""
    while True:
        has_all = place_events()
        page = page_of(rows, parameters, sorts=("position",), default="position")
        if has_all or page.next is not None:
            return page


def _position(text: str) -> int:
    identity = as_uuid(text)
    if identity is None:
        raise bad_parameter("after", f"after is the id of an event, not {text!r}; pages go by cursor.")
    try:
        return position_of(identity)
    except NotFound as error:
        raise bad_parameter(
            "after",
            f"There is no event {identity} in the log (any more): read it from the beginning.",
            code="event_not_found",
        ) from error


def _of_types(text: str) -> Q:
    wanted = Q()
    for name in text.split(","):
        if not _TYPE.fullmatch(name):
            raise bad_parameter(
                "type", f"type is one or several such as record.published or record.*, not {name!r}."
            )
        wanted |= Q(type__startswith=name.removesuffix("*")) if name.endswith(".*") else Q(type=name)
    return wanted
