from __future__ import annotations

from core.actors import system_actor
from core.scope import tenant_scope
from core.services.collections import create_collection
from core.services.records import create_record, delete_record
from plugin_host.testing.host import DeliverAll
from tenants.models import Tenant


def test_who_deleted_what_is_logged(tenant: Tenant, deliver_all: DeliverAll) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        create_collection(name="notes", schema={"type": "object", "properties": {}})
        delete_record(record_id=create_record(collection="notes", data={}, title="Old").pk)

    (run,) = [run for run in deliver_all(tenant) if run.plugin == "audit-log"]

    assert (run.ended, run.log) == ("done", ("system:tests deleted Old",))
