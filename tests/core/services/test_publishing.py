from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from core.actors import ANONYMOUS
from core.errors import Conflict, Forbidden, Invalid, Stale
from core.models import Collection, Event, FieldValue, PublishedSnapshot, Record, Revision
from core.services.collections import create_collection, update_collection
from core.services.publishing import publish_record, unpublish_record
from core.services.records import create_record, update_record
from core.signals import before_record_publish, before_record_unpublish
from tests.core.services.receivers import connected

pytestmark = pytest.mark.usefixtures("in_tenant")

SCHEMA: dict[str, Any] = {
    "properties": {
        "views": {"type": "integer", "x-index": True},
        "author": {"type": "string", "x-relation": "people"},
        "body": {"type": "string", "x-widget": "markdown"},
    },
}


@pytest.fixture
def posts(in_tenant: object) -> Collection:
    create_collection(name="people", schema={"properties": {"name": {"type": "string"}}})
    return create_collection(name="posts", schema=SCHEMA)


def test_publish_writes_a_snapshot_ready_to_read(posts: Collection) -> None:
    ada = create_record(collection="people", data={"name": "Ada"})
    publish_record(record_id=ada.pk)
    record = create_record(
        collection="posts",
        data={"views": 1, "author": str(ada.pk), "body": "# Hi\n\nSome *text*."},
        title="Hi",
    )
    now = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)

    published = publish_record(record_id=record.pk, now=now)

    assert (published.state, published.version, published.published_at) == ("published", 2, now)
    snapshot = PublishedSnapshot.objects.get(record=record)
    assert json.loads(snapshot.document) == {
        "id": str(record.pk),
        "collection": "posts",
        "slug": "hi",
        "locale": "",
        "title": "Hi",
        "path": "/posts/hi",
        "version": 2,
        "author": "Ada",
        "published_at": "2030-01-02T03:04:05Z",
        "updated_at": "2030-01-02T03:04:05Z",
        "created_at": json.loads(snapshot.document)["created_at"],
        "data": {"views": 1, "author": str(ada.pk), "body": "# Hi\n\nSome *text*."},
    }
    assert snapshot.page_html == "<p>Some <em>text</em>.</p>\n"
    assert (snapshot.excerpt, snapshot.path, snapshot.is_public) == ("Some text.", "/posts/hi", True)
    assert snapshot.etag.startswith('"')
    assert FieldValue.objects.filter(record=record, field="views", is_published=True).count() == 1
    assert Event.objects.get(record_id=record.pk, type="record.published").payload["status"] == "published"
    assert Revision.objects.filter(record=record, action="published", version=2).exists()


def test_draft_changes_stay_out_of_the_snapshot_until_published(posts: Collection) -> None:
    record = create_record(collection="posts", data={"views": 1}, title="T")
    publish_record(record_id=record.pk)
    update_record(record_id=record.pk, data={"views": 2}, slug="new-slug")

    snapshot = PublishedSnapshot.objects.get(record=record)
    assert (json.loads(snapshot.document)["data"], snapshot.slug) == ({"views": 1}, "t")

    publish_record(record_id=record.pk)
    snapshot = PublishedSnapshot.objects.get(record=record)
    assert (json.loads(snapshot.document)["data"], snapshot.slug) == ({"views": 2}, "new-slug")
    values = FieldValue.objects.filter(record=record, is_published=True).values_list("float_value", flat=True)
    assert list(values) == [2.0]


def test_publish_keeps_the_first_date_unless_told(posts: Collection) -> None:
    record = create_record(collection="posts", data={}, title="T")
    first = datetime(2020, 1, 1, tzinfo=UTC)

    publish_record(record_id=record.pk, published_at=first)

    assert publish_record(record_id=record.pk).published_at == first


def test_publish_reports_draft_and_missing_targets(posts: Collection) -> None:
    draft = create_record(collection="people", data={"name": "Draft"})
    record = create_record(collection="posts", data={"author": str(draft.pk)}, title="T")

    with pytest.raises(Invalid) as caught:
        publish_record(record_id=record.pk)
    assert [(error.pointer, error.code) for error in caught.value.errors] == [
        ("/data/author", "relation_unpublished")
    ]

    Record.objects.filter(pk=draft.pk).delete()
    with pytest.raises(Invalid) as caught:
        publish_record(record_id=record.pk)
    assert [(error.pointer, error.code) for error in caught.value.errors] == [("/data/author", "relation")]


def test_publish_gate_may_refuse(posts: Collection) -> None:
    record = create_record(collection="posts", data={}, title="T")

    def refuse(*, record: Record, **_: object) -> None:
        raise Conflict(f"{record.title} is not ready")

    with connected(before_record_publish, refuse), pytest.raises(Conflict, match="T is not ready"):
        publish_record(record_id=record.pk)

    assert not PublishedSnapshot.objects.filter(record=record).exists()
    assert Record.objects.get(pk=record.pk).version == 1


def test_publish_needs_permission_and_the_expected_version(posts: Collection) -> None:
    record = create_record(collection="posts", data={}, title="T")

    with pytest.raises(Forbidden):
        publish_record(record_id=record.pk, actor=ANONYMOUS)
    with pytest.raises(Stale):
        publish_record(record_id=record.pk, expected_version=5)


def test_publish_refuses_an_address_that_is_still_live(posts: Collection) -> None:
    first = create_record(collection="posts", data={}, title="A", slug="here")
    publish_record(record_id=first.pk)
    update_record(record_id=first.pk, slug="there")
    second = create_record(collection="posts", data={}, title="B", slug="here")

    with pytest.raises(Conflict) as caught:
        publish_record(record_id=second.pk)
    assert caught.value.code == "slug_live"

    publish_record(record_id=first.pk)
    assert publish_record(record_id=second.pk).state == "published"


def test_publish_without_pages_has_no_path(posts: Collection) -> None:
    update_collection(name="posts", has_pages=False)
    record = create_record(collection="posts", data={"body": "x"}, title="T")

    publish_record(record_id=record.pk)

    snapshot = PublishedSnapshot.objects.get(record=record)
    assert (snapshot.path, snapshot.page_html) == ("", "")


def test_unpublish_takes_everything_public_away(posts: Collection) -> None:
    record = create_record(collection="posts", data={"views": 1}, title="T")
    publish_record(record_id=record.pk)

    draft = unpublish_record(record_id=record.pk)

    assert (draft.state, draft.version) == ("draft", 3)
    assert not PublishedSnapshot.objects.filter(record=record).exists()
    assert not FieldValue.objects.filter(record=record, is_published=True).exists()
    assert FieldValue.objects.filter(record=record, is_published=False).count() == 1
    assert Event.objects.filter(record_id=record.pk, type="record.unpublished").count() == 1


def test_unpublish_of_a_draft_is_refused(posts: Collection) -> None:
    record = create_record(collection="posts", data={}, title="T")

    with pytest.raises(Conflict, match="not published"):
        unpublish_record(record_id=record.pk)


def test_unpublish_gate_may_refuse(posts: Collection) -> None:
    record = create_record(collection="posts", data={}, title="T")
    publish_record(record_id=record.pk)

    def refuse(**_: object) -> None:
        raise Conflict("keep it")

    with connected(before_record_unpublish, refuse), pytest.raises(Conflict, match="keep it"):
        unpublish_record(record_id=record.pk)

    assert PublishedSnapshot.objects.filter(record=record).exists()
