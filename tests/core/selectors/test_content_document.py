from __future__ import annotations

from typing import Any

import pytest

from core.models import Event, Record
from core.selectors.content_document import content_document
from core.selectors.content_state import state_of_draft, state_of_event, state_of_record
from core.services.collections import create_collection, update_collection
from core.services.drafts import RecordDraft
from core.services.publishing import publish_record
from core.services.records import create_record, delete_record, update_record
from core.signals import before_record_create
from tenants.models import Tenant
from tests.core.services.receivers import connected

SCHEMA: dict[str, Any] = {
    "properties": {"author": {"type": "string"}, "body": {"type": "string", "x-widget": "markdown"}}
}


@pytest.fixture(autouse=True)
def posts(in_tenant: Tenant) -> None:
    create_collection(name="posts", schema=SCHEMA)


def event_of(record: Record, kind: str) -> Event:
    event: Event = Event.objects.get(record_id=record.pk, type=kind)
    return event


def test_document_has_every_key_of_the_contract(in_tenant: Tenant) -> None:
    record = create_record(collection="posts", data={"author": "Ada", "body": "Hello *there*"}, title="Hi")
    record = publish_record(record_id=record.pk)

    document = content_document(state_of_record(record))

    page = document.pop("rendered_html")
    assert page.startswith("<!doctype html>")
    assert "<p>Hello <em>there</em></p>" in page
    published_at = document.pop("published_at")
    assert published_at == document.pop("updated_at")
    assert published_at.endswith("Z")
    assert document.pop("created_at").endswith("Z")
    url = document.pop("url")
    assert url.endswith(f"//{in_tenant.slug}.test/posts/hi")
    assert document == {
        "content_id": str(record.pk),
        "tenant_id": str(in_tenant.pk),
        "collection": "posts",
        "page_type": "posts",
        "domain": f"{in_tenant.slug}.test",
        "locale": "",
        "slug": "hi",
        "path": "/posts/hi",
        "title": "Hi",
        "status": "published",
        "version": 2,
        "data": {"author": "Ada", "body": "Hello *there*"},
        "text": "Hello there",
        "word_count": 2,
        "author": "Ada",
    }


def test_document_of_a_collection_without_pages_has_no_address() -> None:
    update_collection(name="posts", has_pages=False)
    record = create_record(collection="posts", data={"body": "x"}, title="T")

    document = content_document(state_of_record(record))

    assert (document["path"], document["url"], document["rendered_html"]) == ("", "", "")


def test_document_of_an_event_is_the_state_at_its_version() -> None:
    record = create_record(collection="posts", data={"body": "first"}, title="Then")
    update_record(record_id=record.pk, data={"body": "second"}, title="Now")

    created = content_document(state_of_event(event_of(record, "record.created")))
    updated = content_document(state_of_event(event_of(record, "record.updated")))

    assert (created["title"], created["text"], created["version"]) == ("Then", "first", 1)
    assert (updated["title"], updated["text"], updated["version"]) == ("Now", "second", 2)


def test_document_of_a_deleted_record_has_its_last_state() -> None:
    record = create_record(collection="posts", data={"body": "last words"}, title="T")
    delete_record(record_id=record.pk)

    document = content_document(state_of_event(event_of(record, "record.deleted")))

    assert (document["content_id"], document["text"]) == (str(record.pk), "last words")


def test_document_before_creation_has_no_id_and_no_dates() -> None:
    seen: list[dict[str, Any]] = []

    def look(*, draft: RecordDraft, **_: object) -> None:
        seen.append(content_document(state_of_draft(draft)))

    with connected(before_record_create, look):
        create_record(collection="posts", data={"body": "one two"}, title="T")

    document = seen[0]
    assert (document["content_id"], document["created_at"], document["published_at"]) == (None, None, None)
    assert (document["status"], document["version"], document["word_count"]) == ("draft", 0, 2)


def test_document_is_a_copy() -> None:
    record = create_record(collection="posts", data={"body": "x"}, title="T")
    state = state_of_record(record)

    content_document(state)["data"]["body"] = "changed"

    assert state.data == {"body": "x"}
