"""Addresses of the content API, below /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, path

from core.api import collections, delivery, events, records
from core.api.plain_views import read_only

_RECORDS = "collections/<str:name>/records"
_RECORD = f"{_RECORDS}/<uuid:record_id>"

urlpatterns: list[URLPattern] = [
    path("content/<str:collection>", read_only(delivery.published_list), name="content-list"),
    path("content/<str:collection>/<str:key>", read_only(delivery.published_item), name="content-item"),
    path("collections", collections.CollectionListView.as_view(), name="collection-list"),
    path("collections/<str:name>", collections.CollectionView.as_view(), name="collection"),
    path(
        "collections/<str:name>/schema", collections.CollectionSchemaView.as_view(), name="collection-schema"
    ),
    path(
        "collections/<str:name>/schema:dry-run", collections.SchemaDryRunView.as_view(), name="schema-dry-run"
    ),
    path(_RECORDS, records.RecordListView.as_view(), name="record-list"),
    path(_RECORD, records.RecordView.as_view(), name="record"),
    path(f"{_RECORD}/publish", records.PublishView.as_view(), name="record-publish"),
    path(f"{_RECORD}/unpublish", records.UnpublishView.as_view(), name="record-unpublish"),
    path(f"{_RECORD}/revisions", records.RevisionListView.as_view(), name="revision-list"),
    path(f"{_RECORD}/revisions/<int:version>", records.RevisionView.as_view(), name="revision"),
    path(
        f"{_RECORD}/revisions/<int:version>/restore", records.RestoreView.as_view(), name="revision-restore"
    ),
    path("events", events.EventListView.as_view(), name="event-list"),
]
