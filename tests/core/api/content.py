"""Content for tests of the API."""

from __future__ import annotations

from typing import Any

from core.actors import system_actor
from core.models import Collection, Record
from core.scope import tenant_scope
from core.services.collections import create_collection
from core.services.records import create_record
from tenants.models import Tenant

SCHEMA: dict[str, Any] = {
    "properties": {
        "title": {"type": "string", "minLength": 1},
        "views": {"type": "integer", "x-index": True},
        "tags": {"type": "array", "items": {"type": "string"}, "x-index": True},
        "featured": {"type": "boolean", "x-index": True},
        "day": {"type": "string", "format": "date", "x-index": True},
        "body": {"type": "string", "x-widget": "markdown"},
    },
    "required": ["title"],
}


def make_collection(tenant: Tenant, name: str = "posts", **fields: Any) -> Collection:
    """Make a collection with the schema above."""
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        return create_collection(name=name, schema=fields.pop("schema", SCHEMA), **fields)


def make_record(tenant: Tenant, title: str = "Hello", *, collection: str = "posts", **data: Any) -> Record:
    """Make a draft."""
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        return create_record(collection=collection, data={"title": title, **data})
