from __future__ import annotations

import os
import threading
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection, transaction

from core.actors import ANONYMOUS
from core.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from core.models import Collection, Event, FieldValue, Record, Revision
from core.scope import require_tenant, use_scope
from core.services.collections import create_collection
from core.services.drafts import RecordDraft
from core.services.publishing import publish_record
from core.services.records import content_transaction, create_record, delete_record, update_record
from core.signals import before_record_create, before_record_delete, before_record_update, event_recorded
from tests.core.services.receivers import connected
from tests.fixtures import MakeTenant

pytestmark = pytest.mark.usefixtures("in_tenant")

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "views": {"type": "integer", "x-index": True},
        "code": {"type": "string", "x-unique": True},
        "at": {"type": "string", "format": "date-time", "x-index": True},
        "tags": {"type": "array", "items": {"type": "string"}, "x-index": True},
        "author": {"type": "string", "x-relation": "people"},
        "body": {"type": "string", "x-widget": "markdown"},
        "level": {"type": "string", "default": "easy"},
    },
}


@pytest.fixture
def posts(in_tenant: object) -> Collection:
    create_collection(name="people", schema={"properties": {"name": {"type": "string"}}})
    return create_collection(name="posts", schema=SCHEMA)


def test_create_writes_record_revision_index_and_event(posts: Collection) -> None:
    data = {"views": 3, "tags": ["a", "b", "a"], "at": "2020-01-02T03:04:05Z"}

    record = create_record(collection="posts", data=data, title="Hello World", comment="first")

    assert (record.slug, record.version, record.state) == ("hello-world", 1, "draft")
    assert record.data == data | {"level": "easy"}
    revision = Revision.objects.get(record=record)
    assert (revision.version, revision.action, revision.actor, revision.comment) == (
        1,
        "created",
        "system:tests",
        "first",
    )
    rows = FieldValue.objects.filter(record=record).order_by("field", "text_value")
    assert [
        (row.field, row.text_value, row.float_value, row.is_published) for row in rows if row.field != "at"
    ] == [
        ("tags", "a", None, False),
        ("tags", "b", None, False),
        ("views", None, 3.0, False),
    ]
    event = Event.objects.get(record_id=record.pk)
    assert (event.type, event.collection_name, event.record_version) == ("record.created", "posts", 1)
    assert event.payload["data"] == record.data


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"data": {"views": "many"}}, "/data/views", "type"),
        ({"data": {"unknown": 1}}, "/data/unknown", "unknown"),
        ({"data": {"body": "a\0b"}}, "/data", "characters"),
        ({"data": []}, "/data", "type"),
        ({"data": {}, "slug": "Not A Slug"}, "/slug", "slug"),
        ({"data": {}, "slug": "0190a3b0-0000-7000-8000-000000000000"}, "/slug", "slug"),
        ({"data": {}, "title": "x" * 501}, "/title", "title"),
        ({"data": {}, "locale": "english!"}, "/locale", "locale"),
        ({"data": {}, "locale": "en\n"}, "/locale", "locale"),
        ({"data": {}, "locale": "en-abcdefgh-abcdefgh-abcdefgh"}, "/locale", "locale"),
        ({"data": {}, "slug": "a-slug\n"}, "/slug", "slug"),
        ({"data": {"body": "half \ud800"}}, "/data", "characters"),
        ({"data": {"\ud800": "half"}}, "/data", "characters"),
        ({"data": {"author": str(uuid4())}}, "/data/author", "relation"),
        ({"data": {"author": "nobody"}}, "/data/author", "relation"),
    ],
)
def test_create_refuses_what_does_not_fit(
    posts: Collection, fields: dict[str, Any], pointer: str, code: str
) -> None:
    with pytest.raises(Invalid) as caught:
        create_record(collection="posts", **({"title": "T"} | fields))

    assert (pointer, code) in {(error.pointer, error.code) for error in caught.value.errors}
    assert not Record.objects.filter(collection=posts).exists()


def test_create_numbers_a_slug_that_nobody_chose(posts: Collection) -> None:
    slugs = [create_record(collection="posts", data={}, title="Same").slug for _ in range(3)]

    assert slugs == ["same", "same-2", "same-3"]


def test_create_refuses_a_chosen_slug_that_is_taken(posts: Collection) -> None:
    create_record(collection="posts", data={}, title="A", slug="taken")

    with pytest.raises(Conflict) as caught:
        create_record(collection="posts", data={}, title="B", slug="taken")

    assert [error.pointer for error in caught.value.errors] == ["/slug"]
    assert create_record(collection="posts", data={}, title="B", slug="taken", locale="de").locale == "de"


def test_create_takes_the_title_from_the_data(posts: Collection) -> None:
    record = create_record(collection="people", data={"name": "Ada Lovelace"})

    assert (record.title, record.slug) == ("Ada Lovelace", "ada-lovelace")


def test_create_refuses_a_unique_value_twice(posts: Collection) -> None:
    create_record(collection="posts", data={"code": "X1"}, title="A")

    with pytest.raises(Conflict) as caught:
        create_record(collection="posts", data={"code": "X1"}, title="B")

    assert [error.pointer for error in caught.value.errors] == ["/data/code"]


def test_create_needs_permission_and_collection(posts: Collection) -> None:
    with pytest.raises(Forbidden):
        create_record(collection="posts", data={}, title="A", actor=ANONYMOUS)
    with pytest.raises(NotFound, match="Did you mean 'posts'"):
        create_record(collection="post", data={}, title="A")


def test_create_filter_changes_what_is_stored(posts: Collection) -> None:
    def change(*, draft: RecordDraft, **_: object) -> None:
        draft.data = draft.data | {"views": 42}
        draft.title = draft.title.upper()

    with connected(before_record_create, change):
        record = create_record(collection="posts", data={}, title="quiet")

    assert (record.title, record.data["views"]) == ("QUIET", 42)


def test_create_filter_result_is_validated(posts: Collection) -> None:
    def spoil(*, draft: RecordDraft, **_: object) -> None:
        draft.data = {"views": "none"}

    with connected(before_record_create, spoil), pytest.raises(Invalid):
        create_record(collection="posts", data={}, title="quiet")


def test_filters_run_with_no_transaction_open(posts: Collection) -> None:
    seen: list[bool] = []

    def look(**_: object) -> None:
        seen.append(transaction.get_connection().in_atomic_block)

    with connected(before_record_create, look):
        create_record(collection="posts", data={}, title="A")

    assert seen == [False]


def test_services_refuse_to_run_inside_a_transaction(posts: Collection) -> None:
    with pytest.raises(RuntimeError, match="outside of transaction"), transaction.atomic():
        create_record(collection="posts", data={}, title="A")


def test_event_receiver_that_raises_undoes_everything(posts: Collection) -> None:
    def fail(**_: object) -> None:
        raise Conflict("no room")

    with connected(event_recorded, fail), pytest.raises(Conflict):
        create_record(collection="posts", data={}, title="A")

    assert not Record.objects.filter(collection=posts).exists()


def test_update_writes_next_version_and_says_what_changed(posts: Collection) -> None:
    record = create_record(collection="posts", data={"views": 1, "code": "a"}, title="T")

    updated = update_record(record_id=record.pk, data={"views": 2}, merge=True, expected_version=1)

    assert (updated.version, updated.data) == (2, {"views": 2, "code": "a", "level": "easy"})
    event = Event.objects.get(record_id=record.pk, type="record.updated")
    assert event.payload["changed"] == ["views"]
    assert event.payload["previous"]["data"]["views"] == 1
    assert list(
        FieldValue.objects.filter(record=record, field="views").values_list("float_value", flat=True)
    ) == [2.0]


def test_update_merge_takes_null_away_and_replace_drops_the_rest(posts: Collection) -> None:
    record = create_record(collection="posts", data={"views": 1, "code": "a"}, title="T")

    assert update_record(record_id=record.pk, data={"views": None}, merge=True).data == {
        "code": "a",
        "level": "easy",
    }
    assert update_record(record_id=record.pk, data={"views": 5}).data == {"views": 5}


def test_update_that_changes_nothing_writes_nothing(posts: Collection) -> None:
    record = create_record(collection="posts", data={"views": 1}, title="T")

    assert update_record(record_id=record.pk, data={"views": 1}, merge=True).version == 1
    assert Event.objects.filter(record_id=record.pk).count() == 1


@pytest.mark.parametrize(("before", "after"), [(True, 1), (0, False), ([1, {"a": True}], [1, {"a": 1}])])
def test_a_number_for_a_boolean_is_a_change(in_tenant: object, before: Any, after: Any) -> None:
    create_collection(name="loose", schema={"properties": {"value": {}}})
    record = create_record(collection="loose", data={"value": before}, title="T")

    changed = update_record(record_id=record.pk, data={"value": after}, merge=True)

    assert (changed.version, repr(changed.data["value"])) == (2, repr(after))
    assert Event.objects.get(record_id=record.pk, type="record.updated").payload["changed"] == ["value"]


def test_update_of_a_published_record_makes_it_changed(posts: Collection) -> None:
    record = create_record(collection="posts", data={}, title="T")
    publish_record(record_id=record.pk)

    assert update_record(record_id=record.pk, title="U").state == "changed"


def test_update_refuses_an_old_version(posts: Collection) -> None:
    record = create_record(collection="posts", data={}, title="T")
    update_record(record_id=record.pk, title="U")

    with pytest.raises(Stale):
        update_record(record_id=record.pk, title="V", expected_version=1)


def test_update_notices_a_change_while_hooks_ran(posts: Collection) -> None:
    record = create_record(collection="posts", data={}, title="T")

    def interfere(*, draft: RecordDraft, **_: object) -> None:
        Record.objects.filter(pk=record.pk).update(version=7)

    with connected(before_record_update, interfere), pytest.raises(Stale):
        update_record(record_id=record.pk, title="U")


def test_update_refuses_a_slug_that_is_taken(posts: Collection) -> None:
    create_record(collection="posts", data={}, title="A", slug="a")
    record = create_record(collection="posts", data={}, title="B", slug="b")

    with pytest.raises(Conflict):
        update_record(record_id=record.pk, slug="a")


def test_update_of_another_tenants_record_is_not_found(posts: Collection, make_tenant: MakeTenant) -> None:
    from core.scope import tenant_scope  # the other tenant's own scope, for one line

    record = create_record(collection="posts", data={}, title="T")

    with tenant_scope(make_tenant().id), pytest.raises(NotFound):
        update_record(record_id=record.pk, title="U")


def test_delete_keeps_the_last_state_in_its_event(posts: Collection) -> None:
    record = create_record(collection="posts", data={"views": 9}, title="T")
    publish_record(record_id=record.pk)

    delete_record(record_id=record.pk, expected_version=2)

    assert not Record.objects.filter(pk=record.pk).exists()
    assert not FieldValue.objects.filter(record_id=record.pk).exists()
    event = Event.objects.get(record_id=record.pk, type="record.deleted")
    assert (event.payload["data"]["views"], event.payload["status"], event.record_version) == (
        9,
        "published",
        3,
    )


def test_delete_gate_may_refuse(posts: Collection) -> None:
    record = create_record(collection="posts", data={}, title="T")

    def refuse(**_: object) -> None:
        raise Conflict("not today")

    with connected(before_record_delete, refuse), pytest.raises(Conflict, match="not today"):
        delete_record(record_id=record.pk)

    assert Record.objects.filter(pk=record.pk).exists()


def test_slug_taken_at_the_same_moment_is_a_conflict(posts: Collection) -> None:
    create_record(collection="posts", data={}, title="A", slug="a")

    # What a second writer's insert meets that looked for the slug before the first one committed.
    with pytest.raises(Conflict) as caught, content_transaction():
        Record.objects.create(collection=posts, slug="a", title="B")

    assert caught.value.code == "slug_taken"


def test_a_number_that_somebody_takes_at_the_same_moment_is_passed_over(posts: Collection) -> None:
    scope = require_tenant()
    is_written, may_commit = threading.Event(), threading.Event()

    def write_first() -> None:
        with use_scope(scope), content_transaction():
            Record.objects.create(collection=posts, slug="one", title="One")
            is_written.set()
            assert may_commit.wait(20)
        connection.close()

    def commit_when_somebody_waits() -> None:
        with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
            while not owner.execute(waiting).fetchone()[0]:  # type: ignore[index]  # count() has a row
                pass
        may_commit.set()

    threads = [threading.Thread(target=write_first), threading.Thread(target=commit_when_somebody_waits)]
    threads[0].start()
    assert is_written.wait(20)
    threads[1].start()
    record = create_record(collection="posts", data={}, title="One")
    for thread in threads:
        thread.join(20)

    assert record.slug == "one-2"


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_beyond_the_edge_of_time_is_kept_but_not_indexed(posts: Collection, at: str) -> None:
    record = create_record(collection="posts", data={"at": at}, title="Edge")

    assert record.data["at"] == at
    # Read from the side table it could not be a datetime, and every list sorted by it would fail.
    assert not FieldValue.objects.filter(record=record, field="at").exists()
