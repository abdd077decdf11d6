from __future__ import annotations

import pytest

from core.actors import system_actor
from core.models import Revision
from core.scope import tenant_scope
from core.services.collections import create_collection, delete_collection
from core.services.records import create_record
from plugin_host.errors import PluginError
from plugin_host.testing.host import DeliverAll
from tenants.models import Tenant


def test_a_taken_slug_gets_a_second_chance(tenant: Tenant, deliver_all: DeliverAll) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        create_collection(
            name="notes", schema={"type": "object", "properties": {"title": {"type": "string"}}}
        )
        create_record(collection="notes", data={"title": "Food"})
        again = create_record(collection="notes", data={"title": "Trains"}, slug="food")
        assert again.slug == "trains"
        assert set(Revision.objects.values_list("comment", flat=True)) == {"First draft"}
        with pytest.raises(PluginError, match="The free plan keeps its collections"):
            delete_collection(name="notes")

    runs = [run for run in deliver_all(tenant) if run.plugin == "second-chance"]

    assert sorted(run.log for run in runs) == [
        ("plugin:second-chance ran create_record",),
        ("system:tests ran create_collection",),
        ("system:tests ran create_record",),
    ]
