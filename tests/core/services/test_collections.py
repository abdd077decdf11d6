from __future__ import annotations

from typing import Any

import pytest

from core.actors import ANONYMOUS
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.models import Collection, FieldValue, PublishedSnapshot
from core.services.collections import (
    create_collection,
    delete_collection,
    schema_misfits,
    update_collection,
    update_collection_schema,
)
from core.services.publishing import publish_record
from core.services.records import create_record

pytestmark = pytest.mark.usefixtures("in_tenant")

SCHEMA: dict[str, Any] = {"properties": {"views": {"type": "integer"}}}


def test_create_collection_completes_the_schema() -> None:
    collection = create_collection(name="field-notes", schema=SCHEMA)

    assert collection.title == "Field notes"
    assert collection.schema == {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": False,
        "properties": {"views": {"type": "integer"}},
    }


@pytest.mark.parametrize(
    ("name", "schema", "pointer"),
    [
        ("Posts", SCHEMA, "/name"),
        ("posts\n", SCHEMA, "/name"),
        ("posts", {"properties": {"a\n": {}}}, "/schema/properties/a\n"),
        ("admin", SCHEMA, "/name"),
        ("posts", {"type": "array"}, "/schema/type"),
        ("posts", {"properties": {"a": {"type": "nonsense"}}}, "/schema/properties/a/type"),
        ("posts", {"properties": {"a__b": {}}}, "/schema/properties/a__b"),
        (
            "posts",
            {"properties": {"slug": {"type": "string", "x-index": True}}},
            "/schema/properties/slug/x-index",
        ),
        ("posts", {"properties": {"a": {"x-indexed": True}}}, "/schema/properties/a/x-indexed"),
        ("posts", {"properties": {"a": {"x-index": "yes"}}}, "/schema/properties/a/x-index"),
        ("posts", {"properties": {"a": {"x-relation": "No Name"}}}, "/schema/properties/a/x-relation"),
        ("posts", [], "/schema"),
    ],
)
def test_create_collection_refuses_what_cannot_work(name: str, schema: Any, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        create_collection(name=name, schema=schema)

    assert pointer in {error.pointer for error in caught.value.errors}
    assert not Collection.objects.filter(name=name).exists()


def test_create_collection_refuses_a_taken_name_and_a_stranger() -> None:
    create_collection(name="posts", schema=SCHEMA)

    with pytest.raises(Conflict):
        create_collection(name="posts", schema=SCHEMA)
    with pytest.raises(Forbidden):
        create_collection(name="other", schema=SCHEMA, actor=ANONYMOUS)


def test_update_collection_counts_for_published_records_at_once() -> None:
    create_collection(name="posts", schema=SCHEMA)
    record = create_record(collection="posts", data={}, title="T")
    publish_record(record_id=record.pk)

    collection = update_collection(name="posts", title="News", is_public=False)

    assert (collection.title, collection.is_public) == ("News", False)
    assert PublishedSnapshot.objects.get(record=record).is_public is False
    with pytest.raises(NotFound):
        update_collection(name="nothing", title="x")
    with pytest.raises(Invalid):
        update_collection(name="posts", title=" ")


def test_update_schema_brings_the_index_in_step() -> None:
    create_collection(name="posts", schema=SCHEMA)
    record = create_record(collection="posts", data={"views": 3}, title="T")
    publish_record(record_id=record.pk)

    collection = update_collection_schema(
        name="posts", schema={"properties": {"views": {"type": "integer", "x-index": True}}}
    )

    assert collection.schema_version == 2
    rows = FieldValue.objects.filter(record=record).order_by("is_published")
    assert [(row.is_published, row.float_value) for row in rows] == [(False, 3.0), (True, 3.0)]


def test_update_schema_of_equal_content_changes_nothing() -> None:
    create_collection(name="posts", schema=SCHEMA)

    assert update_collection_schema(name="posts", schema=SCHEMA).schema_version == 1


def test_update_schema_refuses_while_records_do_not_fit() -> None:
    create_collection(name="posts", schema=SCHEMA)
    record = create_record(collection="posts", data={"views": 3}, title="T")
    wanted = {"properties": {"views": {"type": "string"}}}

    with pytest.raises(Conflict) as caught:
        update_collection_schema(name="posts", schema=wanted)

    assert [error.pointer for error in caught.value.errors] == [f"/records/{record.pk}/data/views"]
    assert [misfit.title for misfit in schema_misfits(name="posts", schema=wanted)] == ["T"]
    assert update_collection_schema(name="posts", schema=wanted, allow_misfits=True).schema_version == 2


def test_delete_collection_only_when_empty() -> None:
    create_collection(name="posts", schema=SCHEMA)
    create_collection(name="empty", schema=SCHEMA)
    create_record(collection="posts", data={}, title="T")

    with pytest.raises(Conflict, match="1 records"):
        delete_collection(name="posts")
    delete_collection(name="empty")

    assert list(Collection.objects.values_list("name", flat=True)) == ["posts"]
