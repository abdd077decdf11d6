"""The OpenAPI 3.1 document: made from the live routes, then fitted to the tenant and the caller.

The routes are the same for a whole process, so what is read from them is kept. Per request comes what differs:
the tenant's collections with the schemas of their fields (those that are not public only for callers who may see
them), and plugins' routes where the plugin is on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import get_urlconf
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from core.actors import is_allowed
from core.api.access import authenticated_actor
from core.api.documents import DELIVERED, page_schema
from core.api.plain_views import read_only
from core.errors import Unauthenticated
from core.models import Collection
from core.scope import current_actor, current_scope

type Document = dict[str, Any]
type HiddenPaths = Callable[[], Iterable[str]]

ADDRESS: Final = "/api/schema"
_CONTENT: Final = "/api/v1/content"
_RECORDS: Final = "/api/v1/collections/{name}/records"
_MATCHED: Final = ("get", "put", "patch", "delete", "post")
_JSON: Final = "application/json"

_kept: dict[str, Document] = {}
_lock = threading.Lock()


def schema_view(hidden_paths: HiddenPaths) -> Callable[..., HttpResponse]:
    """Return the view of the document.

    Args:
        hidden_paths: Returns what the addresses begin with that do not answer for the tenant in scope.
    """

    @read_only
    def show(request: HttpRequest) -> HttpResponse:
        _note_caller(request)
        document = openapi_document(get_urlconf() or settings.ROOT_URLCONF, hidden=tuple(hidden_paths()))
        return JsonResponse(document, headers={"Cache-Control": "private, no-cache"})

    return show


def openapi_document(urlconf: str, *, hidden: tuple[str, ...] = ()) -> Document:
    """Return the document for the tenant and the actor in scope.

    Args:
        hidden: Whole segments that paths begin with which are left out.
    """
    document = deepcopy(_routes_document(urlconf))
    paths: Document = document["paths"]
    for path in [path for path in paths if any(f"{path}/".startswith(f"{start}/") for start in hidden)]:
        del paths[path]
    scope = current_scope()
    if scope is not None and scope.tenant_id is not None:
        document["info"]["title"] = f"Tenantry: {scope.tenant_slug}"
        sees_all = is_allowed(current_actor(), "collection.read")
        collections = Collection.objects.order_by("name")
        for collection in collections if sees_all else collections.filter(is_public=True):
            _add_collection(document, collection, writes=sees_all)
    return document


def _note_caller(request: HttpRequest) -> None:
    """Let credentials count where they are good; without any the document is the public one."""
    try:
        authenticated_actor(request)
    except Unauthenticated:
        return


def _routes_document(urlconf: str) -> Document:
    with _lock:
        if urlconf not in _kept:
            # What plugins' views leave unsaid is no concern of whoever reads the document.
            with GENERATOR_STATS.silence():
                made: Document = SchemaGenerator(urlconf=urlconf).get_schema(public=True)  # type: ignore[no-untyped-call]
            _complete(made)
            _kept[urlconf] = made
        return _kept[urlconf]


def _complete(document: Document) -> None:
    """Add what the routes do not say by themselves: delivery, and how errors look."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = PROBLEM
    paths: Document = document["paths"]
    paths[f"{_CONTENT}/{{collection}}"] = {
        "get": _list_operation("{collection}", DELIVERED, "any collection")
    }
    paths[f"{_CONTENT}/{{collection}}/{{key}}"] = {"get": _item_operation("{collection}", DELIVERED, "")}
    for item in paths.values():
        for method in _MATCHED:
            if method in item:
                item[method]["responses"].setdefault("default", _PROBLEM_ANSWER)


def _add_collection(document: Document, collection: Collection, *, writes: bool) -> None:
    name = collection.name
    component = f"data.{name}"
    schemas = document["components"]["schemas"]
    schemas[component] = _as_component(collection.schema, component)
    reference = {"$ref": f"#/components/schemas/{component}"}
    delivered = _with_data(DELIVERED, reference)
    paths: Document = document["paths"]
    paths[f"{_CONTENT}/{name}"] = {"get": _list_operation(name, delivered, collection.title)}
    paths[f"{_CONTENT}/{name}/{{key}}"] = {"get": _item_operation(name, delivered, collection.title)}
    if not writes:
        return
    for path in (_RECORDS, f"{_RECORDS}/{{record_id}}"):
        item = deepcopy(paths.get(path, {}))
        for method, operation in item.items():
            operation["operationId"] = f"{operation['operationId']}_{name.replace('-', '_')}"
            operation["summary"] = f"{operation.get('summary', method)}: {collection.title}"
            operation["tags"] = [f"records of {name}"]
            operation["parameters"] = [
                one for one in operation.get("parameters", ()) if one["name"] != "name"
            ]
            _type_data(operation, reference)
        paths[path.replace("{name}", name)] = item


def _type_data(operation: Document, reference: Mapping[str, str]) -> None:
    """Say of which shape `data` is, in what goes in and what comes out. A patch may leave everything out."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if media_type == _JSON and not operation["operationId"].startswith("patch_"):
            content["schema"] = _with_data(content["schema"], reference)
    for answer in operation["responses"].values():
        for media_type, content in answer.get("content", {}).items():
            if media_type != _JSON:
                continue
            schema = content["schema"]
            listed = schema.get("properties", {}).get("data", {})
            if listed.get("type") == "array":
                content["schema"] = page_schema(_with_data(listed["items"], reference))
            else:
                content["schema"] = _with_data(schema, reference)


def _with_data(schema: Mapping[str, Any], reference: Mapping[str, str]) -> Document:
    properties = schema.get("properties", {})
    return {**schema, "properties": {**properties, "data": dict(reference)}}


def _as_component(schema: Mapping[str, Any], component: str) -> Document:
    """Return a collection's schema as a component: references into itself lead into the component."""

    def moved(part: Any) -> Any:
        if isinstance(part, list):
            return [moved(one) for one in part]
        if not isinstance(part, dict):
            return part
        found = {name: moved(value) for name, value in part.items()}
        if isinstance(target := part.get("$ref"), str) and target.startswith("#"):
            found["$ref"] = f"#/components/schemas/{component}{target[1:]}"
        return found

    made: Document = moved(dict(schema))
    made.pop("$schema", None)
    return made


def _list_operation(collection: str, item: Mapping[str, Any], title: str) -> Document:
    return {
        "operationId": f"content_list_{_identifier(collection)}",
        "summary": f"Read what is published: {title}",
        "description": (
            "Filters are written like in Django: `title__icontains=`, `published_at__gte=`, `views__range=1,10`; "
            "fields need `x-index` in the collection's schema."
        ),
        "tags": ["content"],
        "security": [{}, *_SECURITY],
        "parameters": [
            *_collection_parameter(collection),
            _query("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 20}),
            _query("cursor", {"type": "string"}),
            _query("sort", {"type": "string", "default": "-published_at"}),
            _query("fields", {"type": "string"}),
            _query("locale", {"type": "string"}),
            _query("total", {"type": "boolean", "default": False}),
        ],
        "responses": {"200": _answer(page_schema(item)), "304": {"description": "Not modified"}},
    }


def _item_operation(collection: str, item: Mapping[str, Any], title: str) -> Document:
    return {
        "operationId": f"content_item_{_identifier(collection)}",
        "summary": f"Read one published record, by slug or id{': ' + title if title else ''}",
        "tags": ["content"],
        "security": [{}, *_SECURITY],
        "parameters": [
            *_collection_parameter(collection),
            {"name": "key", "in": "path", "required": True, "schema": {"type": "string"}},
            _query("locale", {"type": "string"}),
        ],
        "responses": {"200": _answer(item), "304": {"description": "Not modified"}},
    }


def _collection_parameter(collection: str) -> list[Document]:
    if collection != "{collection}":
        return []
    return [{"name": "collection", "in": "path", "required": True, "schema": {"type": "string"}}]


def _identifier(collection: str) -> str:
    return "any" if collection == "{collection}" else collection.replace("-", "_")


def _query(name: str, schema: Mapping[str, Any]) -> Document:
    return {"name": name, "in": "query", "schema": dict(schema)}


def _answer(schema: Mapping[str, Any]) -> Document:
    return {"description": "", "content": {_JSON: {"schema": dict(schema)}}}


_TEXT: Final = {"type": "string"}
_SECURITY: Final[list[dict[str, list[str]]]] = [{"bearer": []}, {"session": []}]
PROBLEM: Final = {
    "type": "object",
    "description": "RFC 9457",
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "code": _TEXT,
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": _TEXT, "message": _TEXT, "code": _TEXT},
                "required": ["pointer", "message", "code"],
            },
        },
        "correlation_id": {"type": "string", "format": "uuid"},
    },
    "required": ["type", "title", "status", "detail", "code", "errors", "correlation_id"],
}
_PROBLEM_ANSWER: Final = {
    "description": "What went wrong",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
