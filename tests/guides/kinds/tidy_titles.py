from __future__ import annotations

from core.actors import system_actor
from core.scope import tenant_scope
from core.services.collections import create_collection
from core.services.records import create_record, update_record
from tenants.models import Tenant


def test_titles_are_tidied(tenant: Tenant) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        create_collection(name="notes", schema={"type": "object", "properties": {}})
        record = create_record(collection="notes", data={}, title=" Slow   food ")
        assert record.title == "Slow food"
        assert update_record(record_id=record.pk, title="Slow  train").title == "Slow train"
