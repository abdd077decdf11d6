"""`collections/{name}/records`: working copies, publishing, history."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.actors import authorize
from core.api.bodies import MOMENT, TEXT, Body, moment, object_schema
from core.api.documents import (
    PUBLISHED,
    RECORD,
    REVISION,
    page_etag,
    page_schema,
    publication_document,
    record_document,
    revision_document,
)
from core.api.pagination import page_of
from core.api.record_filters import SORTS, record_conditions
from core.api.views import ApiView, etag_of, expected_version, is_unmodified
from core.errors import NotFound
from core.models import Record, Revision
from core.scope import current_actor
from core.selectors.collection_shapes import collection_shape
from core.selectors.records import collection_named, record_with_id
from core.services.publishing import PublicationNotes, publish_record, unpublish_record
from core.services.records import create_record, delete_record, owner_id, update_record

_DATA: Final = {"type": "object", "additionalProperties": True}
_FIELDS: Final = {"data": _DATA, "title": TEXT, "slug": TEXT, "locale": TEXT, "comment": TEXT}
CREATE: Final = Body(object_schema(_FIELDS, required=("data",)))
UPDATE: Final = Body(object_schema(_FIELDS))
PUBLISH: Final = Body(object_schema({"published_at": MOMENT, "comment": TEXT}))
UNPUBLISH: Final = Body(object_schema({"comment": TEXT}))


class RecordListView(ApiView):
    """Working copies of one collection."""

    keeps_answers = True
    has_open_query = True

    @extend_schema(tags=["records"], summary="List records", responses={200: page_schema(RECORD)})
    def get(self, request: Request, name: str) -> Response:
        collection = collection_named(name)
        authorize(current_actor(), "record.read_draft", collection=name)
        shape = collection_shape(name)
        if shape is None:
            raise NotFound(f"There is no collection {name!r}.", code="collection_not_found")
        parameters = request.query_params.dict()
        rows = Record.objects.filter(collection=collection).select_related("collection")
        page = page_of(
            rows.filter(*record_conditions(shape, parameters)),
            parameters,
            sorts=SORTS,
            default="-updated_at",
        )
        document = page.document(record_document)
        etag = page_etag(document, [f"{row.pk}:{row.version}" for row in page.rows])
        if is_unmodified(request, etag):
            return Response(status=304, headers={"ETag": etag})
        return Response(document, headers={"ETag": etag})

    @extend_schema(
        tags=["records"], summary="Write a new record", request=CREATE.openapi, responses={201: RECORD}
    )
    def post(self, request: Request, name: str) -> Response:
        collection = collection_named(name)
        record = create_record(collection=collection, **CREATE.read(request))
        location = f"{request.path}/{record.pk}"
        return _answer(record, status=201, headers={"Location": location})


class RecordView(ApiView):
    """One record's working copy."""

    @extend_schema(tags=["records"], summary="Show a record", responses={200: RECORD})
    def get(self, request: Request, name: str, record_id: UUID) -> Response:
        record = _record(name, record_id)
        authorize(current_actor(), "record.read_draft", collection=name, owner_id=owner_id(record))
        if is_unmodified(request, etag_of(record.version)):
            return Response(status=304, headers={"ETag": etag_of(record.version)})
        return _answer(record)

    @extend_schema(
        tags=["records"], summary="Replace a record's fields", request=CREATE.openapi, responses={200: RECORD}
    )
    def put(self, request: Request, name: str, record_id: UUID) -> Response:
        record = _record(name, record_id)
        version = _expected(request, record)
        wanted = CREATE.read(request)
        return _answer(update_record(record_id=record_id, expected_version=version, **wanted))

    @extend_schema(
        tags=["records"],
        summary="Change some of a record's fields",
        description="`data` is laid over the stored fields (RFC 7396): null takes a field away.",
        request=UPDATE.openapi,
        responses={200: RECORD},
    )
    def patch(self, request: Request, name: str, record_id: UUID) -> Response:
        record = _record(name, record_id)
        version = _expected(request, record)
        wanted = UPDATE.read(request)
        return _answer(update_record(record_id=record_id, merge=True, expected_version=version, **wanted))

    @extend_schema(tags=["records"], summary="Delete a record", responses={204: None})
    def delete(self, request: Request, name: str, record_id: UUID) -> Response:
        record = _record(name, record_id)
        delete_record(record_id=record_id, expected_version=_expected(request, record))
        return Response(status=204)


class PublishView(ApiView):
    """Making a working copy the live one."""

    keeps_answers = True

    @extend_schema(
        tags=["records"],
        summary="Publish a record",
        description="`warnings` and `scores` are what plugins have to say about what they let through. Where one "
        "does not, the answer is 409, and `errors` has the blockers and the warnings of all plugins.",
        request=PUBLISH.openapi,
        responses={200: PUBLISHED},
    )
    def post(self, request: Request, name: str, record_id: UUID) -> Response:
        record = _record(name, record_id)
        version = _expected(request, record)
        wanted = PUBLISH.read(request)
        since = moment(wanted, "published_at")
        notes = PublicationNotes()
        record = publish_record(
            record_id=record_id,
            expected_version=version,
            published_at=since,
            comment=wanted.get("comment", ""),
            notes=notes,
        )
        document = publication_document(record, notes)
        return Response(document, headers={"ETag": etag_of(record.version)})


class UnpublishView(ApiView):
    """Taking a record off the site."""

    keeps_answers = True

    @extend_schema(
        tags=["records"],
        summary="Take a record off the site",
        request=UNPUBLISH.openapi,
        responses={200: RECORD},
    )
    def post(self, request: Request, name: str, record_id: UUID) -> Response:
        record = _record(name, record_id)
        version = _expected(request, record)
        wanted = UNPUBLISH.read(request)
        return _answer(unpublish_record(record_id=record_id, expected_version=version, **wanted))


class RevisionListView(ApiView):
    """A record's history."""

    query_parameters = {"GET": ("limit", "cursor", "total", "sort")}

    @extend_schema(
        tags=["records"], summary="List a record's revisions", responses={200: page_schema(REVISION)}
    )
    def get(self, request: Request, name: str, record_id: UUID) -> Response:
        record = _readable(name, record_id)
        page = page_of(
            Revision.objects.filter(record=record),
            request.query_params.dict(),
            sorts=("version",),
            default="-version",
        )
        return Response(page.document(revision_document))


class RevisionView(ApiView):
    """A record as it was at one version."""

    @extend_schema(tags=["records"], summary="Show one revision", responses={200: REVISION})
    def get(self, request: Request, name: str, record_id: UUID, version: int) -> Response:
        return Response(revision_document(_revision(_readable(name, record_id), version)))


class RestoreView(ApiView):
    """Bringing an old version back as the working copy."""

    keeps_answers = True

    @extend_schema(
        tags=["records"],
        summary="Bring a revision back as the working copy",
        request=UNPUBLISH.openapi,
        responses={200: RECORD},
    )
    def post(self, request: Request, name: str, record_id: UUID, version: int) -> Response:
        record = _readable(name, record_id)
        was = _revision(record, version)
        expected = _expected(request, record)
        comment = UNPUBLISH.read(request).get("comment") or f"Version {version} brought back"
        return _answer(
            update_record(
                record_id=record_id,
                data=was.data,
                title=was.title,
                slug=was.slug,
                locale=was.locale,
                expected_version=expected,
                comment=comment,
            )
        )


def _record(name: str, record_id: UUID) -> Record:
    """Return a record of the named collection; ids are looked up before anything else is said about a request."""
    record = record_with_id(record_id)
    if record.collection.name != name:
        raise NotFound(f"There is no record {record_id} in {name!r}.", code="record_not_found")
    return record


def _readable(name: str, record_id: UUID) -> Record:
    record = _record(name, record_id)
    authorize(current_actor(), "record.read_draft", collection=name, owner_id=owner_id(record))
    return record


def _revision(record: Record, version: int) -> Revision:
    found: Revision | None = Revision.objects.filter(record=record, version=version).first()
    if found is None:
        raise NotFound(f"“{record}” has no version {version}.", code="revision_not_found")
    return found


def _expected(request: Request, record: Record) -> int | None:
    return expected_version(request, record.version, is_required=record.collection.requires_if_match)


def _answer(record: Record, *, status: int = 200, headers: dict[str, Any] | None = None) -> Response:
    return Response(
        record_document(record), status=status, headers={"ETag": etag_of(record.version), **(headers or {})}
    )
