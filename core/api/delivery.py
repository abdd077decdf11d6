"""The fast public reads: `content/{collection}` and `content/{collection}/{slug or id}`.

Plain views without a framework between: one statement, prepared JSON, an ETag. They read published snapshots only, so
a draft cannot leak. A collection that is not public needs a key or a session that may read it.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from core.actors import authorize
from core.api.access import authenticated_actor
from core.errors import Malformed, NotFound
from core.schema_keywords import as_uuid
from core.scope import current_tenant_id
from core.selectors.collection_shapes import CollectionShape, collection_shape
from core.selectors.published import Page, PageRequest, parse_page_request, published_page

_JSON = "application/json"
ITEM_BY_SLUG = (
    "SELECT document, etag, is_public FROM core_publishedsnapshot "
    "WHERE collection_name = %s AND locale = %s AND slug = %s"
)
ITEM_BY_ID = (
    "SELECT document, etag, is_public FROM core_publishedsnapshot "
    "WHERE collection_name = %s AND record_id = %s"
)


def published_item(request: HttpRequest, collection: str, key: str) -> HttpResponse:
    """Answer one published record, by slug or by id."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    _enter_tenant(request)
    row = _item_row(collection, key, request.GET.get("locale", "") if request.META["QUERY_STRING"] else "")
    if row is None:
        raise NotFound(f"Nothing is published as {key!r} in {collection!r}.")
    document, etag, is_public = row
    if not is_public:
        authorize(authenticated_actor(request), "record.read", collection=collection)
    if request.META.get("HTTP_IF_NONE_MATCH") and _matches(request.META["HTTP_IF_NONE_MATCH"], etag):
        return _with_validators(HttpResponse(status=304), etag, is_public=is_public)
    return _with_validators(HttpResponse(document, content_type=_JSON), etag, is_public=is_public)


def published_list(request: HttpRequest, collection: str) -> HttpResponse:
    """Answer one page of a collection's published records."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    _enter_tenant(request)
    shape = collection_shape(collection)
    if shape is None:
        raise NotFound(f"There is no collection {collection!r}.", code="collection_not_found")
    if not shape.is_public:
        authorize(authenticated_actor(request), "record.read", collection=collection)
    wanted = parse_page_request(shape, request.GET.dict())
    page = published_page(wanted)
    etag = _page_etag(page, wanted)
    if request.META.get("HTTP_IF_NONE_MATCH") and _matches(request.META["HTTP_IF_NONE_MATCH"], etag):
        return _with_validators(HttpResponse(status=304), etag, is_public=shape.is_public)
    body = _page_body(page, wanted, shape)
    return _with_validators(HttpResponse(body, content_type=_JSON), etag, is_public=shape.is_public)


def _enter_tenant(request: HttpRequest) -> None:
    """On a platform host the caller's credentials say which tenant it is.

    Raises:
        Unauthenticated: There are none.
        Malformed: They are of no tenant.
    """
    if current_tenant_id() is not None:
        return
    authenticated_actor(request)
    if current_tenant_id() is None:
        raise Malformed(
            "Name the tenant: send X-Tenant: its-slug, or a key of that tenant.", code="tenant_needed"
        )


def _item_row(collection: str, key: str, locale: str) -> tuple[str, str, bool] | None:
    with connection.cursor() as cursor:
        if len(key) == 36 and (identity := as_uuid(key)):
            cursor.execute(ITEM_BY_ID, (collection, identity))
        else:
            cursor.execute(ITEM_BY_SLUG, (collection, locale, key))
        row: tuple[str, str, bool] | None = cursor.fetchone()
        return row


def _page_body(page: Page, wanted: PageRequest, shape: CollectionShape) -> str:
    documents = page.documents
    if wanted.fields:
        documents = [_selected(document, wanted.fields, shape) for document in documents]
    tail = json.dumps(
        {"next": page.next, "previous": page.previous, "total": page.total}, separators=(",", ":")
    )
    return f'{{"data":[{",".join(documents)}],{tail[1:]}'


def _selected(document: str, fields: tuple[str, ...], shape: CollectionShape) -> str:
    whole: dict[str, Any] = json.loads(document)
    data = whole.get("data", {})
    chosen: dict[str, Any] = {"id": whole["id"]}
    chosen.update({name: whole[name] for name in fields if name in whole and name != "data"})
    if own := {name: data[name] for name in fields if name in shape.fields and name in data}:
        chosen["data"] = own
    return json.dumps(chosen, ensure_ascii=False, separators=(",", ":"))


def _page_etag(page: Page, wanted: PageRequest) -> str:
    digest = blake2b(digest_size=16)
    for etag in page.etags:
        digest.update(etag.encode())
    digest.update(f"{page.next} {page.previous} {page.total} {wanted.fields}".encode())
    return f'"{digest.hexdigest()}"'


def _matches(if_none_match: str, etag: str) -> bool:
    """Compare weakly, as RFC 9110, section 13.1.2 asks."""
    if if_none_match.strip() == "*":
        return True
    return etag in {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}


def _with_validators(response: HttpResponse, etag: str, *, is_public: bool) -> HttpResponse:
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "public, no-cache" if is_public else "private, no-store"
    return response
