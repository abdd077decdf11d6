"""`collections`: a tenant's kinds of content."""

from __future__ import annotations

from typing import Final

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.actors import authorize
from core.api.bodies import FLAG, TEXT, Body, object_schema
from core.api.documents import (
    COLLECTION,
    answer_schema,
    collection_document,
    collection_etag,
    page_schema,
)
from core.api.pagination import PARAMETERS, page_of
from core.api.views import ApiView, is_unmodified
from core.errors import Stale
from core.models import Collection
from core.scope import current_actor
from core.selectors.records import collection_named
from core.services.collections import (
    create_collection,
    delete_collection,
    schema_misfits,
    update_collection,
    update_collection_schema,
)

_SCHEMA: Final = {"type": "object", "additionalProperties": True}
_SETTINGS: Final = {
    "title": TEXT,
    "description": TEXT,
    "is_public": FLAG,
    "has_pages": FLAG,
    "requires_if_match": FLAG,
}
CREATE: Final = Body(
    object_schema({"name": TEXT, "schema": _SCHEMA, **_SETTINGS}, required=("name", "schema"))
)
UPDATE: Final = Body(object_schema({"schema": _SCHEMA, "allow_misfits": FLAG, **_SETTINGS}))
REPLACE_SCHEMA: Final = Body(object_schema({"schema": _SCHEMA, "allow_misfits": FLAG}, required=("schema",)))
TRY_SCHEMA: Final = Body(object_schema({"schema": _SCHEMA}, required=("schema",)))
_MISFITS: Final = answer_schema(
    {
        "fits": FLAG,
        "records": {
            "type": "array",
            "items": answer_schema(
                {
                    "id": TEXT,
                    "title": TEXT,
                    "errors": {
                        "type": "array",
                        "items": answer_schema({"pointer": TEXT, "message": TEXT, "code": TEXT}),
                    },
                }
            ),
        },
    }
)


class CollectionListView(ApiView):
    """All collections; making one."""

    keeps_answers = True
    query_parameters = {"GET": PARAMETERS}

    @extend_schema(
        tags=["collections"], summary="List the collections", responses={200: page_schema(COLLECTION)}
    )
    def get(self, request: Request) -> Response:
        authorize(current_actor(), "collection.read")
        page = page_of(
            Collection.objects.all(),
            request.query_params.dict(),
            sorts=("name", "created_at", "updated_at"),
            default="name",
        )
        return Response(page.document(collection_document))

    @extend_schema(
        tags=["collections"], summary="Make a collection", request=CREATE.openapi, responses={201: COLLECTION}
    )
    def post(self, request: Request) -> Response:
        collection = create_collection(**CREATE.read(request))
        return _answer(collection, status=201)


class CollectionView(ApiView):
    """One collection."""

    @extend_schema(tags=["collections"], summary="Show a collection", responses={200: COLLECTION})
    def get(self, request: Request, name: str) -> Response:
        found = collection_named(name)
        authorize(current_actor(), "collection.read", collection=name)
        if is_unmodified(request, collection_etag(found)):
            return Response(status=304, headers={"ETag": collection_etag(found)})
        return _answer(found)

    @extend_schema(
        tags=["collections"],
        summary="Change a collection's settings or schema",
        request=UPDATE.openapi,
        responses={200: COLLECTION},
    )
    def patch(self, request: Request, name: str) -> Response:
        found = collection_named(name)
        _require_match(request, found)
        wanted = UPDATE.read(request)
        schema = wanted.pop("schema", None)
        allow_misfits = wanted.pop("allow_misfits", False)
        if schema is not None:
            found = update_collection_schema(name=name, schema=schema, allow_misfits=allow_misfits)
        if wanted or schema is None:
            found = update_collection(name=name, **wanted)
        return _answer(found)

    @extend_schema(tags=["collections"], summary="Delete an empty collection", responses={204: None})
    def delete(self, request: Request, name: str) -> Response:
        _require_match(request, collection_named(name))
        delete_collection(name=name)
        return Response(status=204)


class CollectionSchemaView(ApiView):
    """A collection's JSON Schema by itself."""

    @extend_schema(tags=["collections"], summary="Show a collection's schema", responses={200: _SCHEMA})
    def get(self, request: Request, name: str) -> Response:
        found = collection_named(name)
        authorize(current_actor(), "collection.read", collection=name)
        return Response(found.schema, headers={"ETag": collection_etag(found)})

    @extend_schema(
        tags=["collections"],
        summary="Replace a collection's schema",
        request=REPLACE_SCHEMA.openapi,
        responses={200: COLLECTION},
    )
    def put(self, request: Request, name: str) -> Response:
        _require_match(request, collection_named(name))
        return _answer(update_collection_schema(name=name, **REPLACE_SCHEMA.read(request)))


class SchemaDryRunView(ApiView):
    """What a new schema would break."""

    @extend_schema(
        tags=["collections"],
        summary="Say which records a new schema would refuse",
        request=TRY_SCHEMA.openapi,
        responses={200: _MISFITS},
    )
    def post(self, request: Request, name: str) -> Response:
        collection_named(name)
        misfits = schema_misfits(name=name, **TRY_SCHEMA.read(request))
        shown = [
            {
                "id": misfit.record_id,
                "title": misfit.title,
                "errors": [
                    {"pointer": error.pointer, "message": error.message, "code": error.code}
                    for error in misfit.errors
                ],
            }
            for misfit in misfits
        ]
        return Response({"fits": not shown, "records": shown})


def _answer(collection: Collection, *, status: int = 200) -> Response:
    return Response(
        collection_document(collection), status=status, headers={"ETag": collection_etag(collection)}
    )


def _require_match(request: Request, collection: Collection) -> None:
    header = request.headers.get("If-Match", "*").strip()
    tags = {tag.strip() for tag in header.split(",")}
    if header != "*" and collection_etag(collection) not in tags:
        raise Stale("The collection was changed meanwhile: load it again.")
