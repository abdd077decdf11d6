from __future__ import annotations

import pytest

from core.actors import system_actor
from core.errors import Conflict
from core.scope import tenant_scope
from core.services.collections import create_collection
from core.services.records import create_record, delete_record
from tenants.models import Tenant


def test_the_imprint_stays(tenant: Tenant) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        create_collection(name="notes", schema={"type": "object", "properties": {}})
        imprint, other = (
            create_record(collection="notes", data={}, title=title) for title in ("Imprint", "B")
        )
        delete_record(record_id=other.pk)
        with pytest.raises(Conflict, match="keep-legal: The imprint is required by law"):
            delete_record(record_id=imprint.pk)
