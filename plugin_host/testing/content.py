"""Content for tests, made as people make it: through the services, with all hooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from core.actors import system_actor
from core.models import Collection
from core.scope import tenant_scope
from core.selectors.content_document import content_document
from core.selectors.content_state import state_of_record
from core.services.collections import create_collection
from core.services.publishing import publish_record
from core.services.records import create_record, update_record
from plugin_host.testing.types import MakeContent
from tenants.models import Tenant

_ACTOR: Final = system_actor("tests")
# What most articles have; more fields may be given, because the schema is open.
ARTICLE_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "summary": {"type": "string", "title": "Summary"},
        "body": {"type": "string", "title": "Text", "x-widget": "markdown"},
    },
    "additionalProperties": True,
}


def content_maker(home: Tenant) -> MakeContent:
    """Return a function that makes content, of one tenant unless told."""

    def make_content(
        content_id: UUID | str | None = None,
        *,
        tenant: Tenant | None = None,
        collection: str = "articles",
        title: str = "",
        published: bool = True,
        **data: Any,
    ) -> dict[str, Any]:
        where = tenant if tenant is not None else home
        with tenant_scope(where.pk, slug=where.slug, actor=_ACTOR):
            if not Collection.objects.filter(name=collection).exists():
                create_collection(name=collection, schema=ARTICLE_SCHEMA)
            if content_id is None:
                record = create_record(collection=collection, data=data, title=title)
            else:
                record = update_record(record_id=content_id, data=data, merge=True, title=title or None)
            if published:
                record = publish_record(record_id=record.pk)
            return content_document(state_of_record(record), with_page=False)

    return make_content
