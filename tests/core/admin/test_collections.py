"""Collections through the admin."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.models import AuditEntry, Collection
from core.services.collections import create_collection
from core.services.records import create_record
from tenants.models import Tenant
from tests.admin_people import SignIn
from tests.core.admin.test_records import refusal_in

ADD = "/admin/core/collection/add/"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"zebra": {"type": "string"}, "apple": {"type": "integer"}},
}


def fields(schema: object, **more: str) -> dict[str, str]:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    return {"name": "things", "title": "", "description": "", "schema": text, "is_public": "on", **more}


def test_a_collection_is_made_and_keeps_the_order_of_its_fields(member_of: SignIn, in_tenant: Tenant) -> None:
    response = member_of(in_tenant, "admin").post(ADD, fields(SCHEMA))

    assert response.status_code == 302
    collection = Collection.objects.get()
    assert (collection.name, collection.title, collection.is_public, collection.has_pages) == (
        "things",
        "Things",
        True,
        False,
    )
    assert list(collection.schema["properties"]) == ["zebra", "apple"]
    assert AuditEntry.objects.filter(action="collection.created").count() == 1


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ("{broken", "Enter a valid JSON"),
        ([1], "Enter a JSON object"),
        ({"type": "object", "properties": {"a": {"type": "strin"}}}, "/properties/a/type"),
        ({"type": "string"}, "/type"),
    ],
)
def test_a_wrong_schema_is_refused_with_its_place_and_kept_in_the_form(
    member_of: SignIn, in_tenant: Tenant, schema: object, says: str
) -> None:
    page = member_of(in_tenant).post(ADD, fields(schema)).content.decode()

    assert says in refusal_in(page)
    assert 'value="things"' in page
    assert Collection.objects.count() == 0


def test_a_schema_that_stored_records_do_not_fit_needs_a_yes(member_of: SignIn, in_tenant: Tenant) -> None:
    collection = create_collection(name="things", schema=SCHEMA)
    create_record(collection=collection, data={"apple": 7}, title="Seven")
    narrower = {"type": "object", "properties": {"apple": {"type": "integer", "maximum": 5}}}
    client = member_of(in_tenant)
    address = f"/admin/core/collection/{collection.pk}/change/"

    page = client.post(address, fields(narrower)).content.decode()
    assert "Seven" in refusal_in(page)
    collection.refresh_from_db()
    assert collection.schema_version == 1

    client.post(address, fields(narrower, allow_misfits="on"))
    collection.refresh_from_db()
    assert collection.schema_version == 2


def test_a_collection_with_records_is_not_deleted(member_of: SignIn, in_tenant: Tenant) -> None:
    collection = create_collection(name="things", schema=SCHEMA)
    create_record(collection=collection, data={}, title="One")
    client = member_of(in_tenant)

    page = client.post(
        f"/admin/core/collection/{collection.pk}/delete/", {"post": "yes"}, follow=True
    ).content.decode()

    assert "delete them first" in refusal_in(page)
    assert Collection.objects.count() == 1


def test_editors_do_not_manage_collections(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant, "editor")

    assert client.get(ADD).status_code == 403
    assert client.post(ADD, fields(SCHEMA)).status_code == 403
    assert "/admin/core/collection/" not in client.get("/admin/").content.decode()
