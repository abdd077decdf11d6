"""What PostgreSQL does with rows that point at a deleted one, when Django does not know them."""

from __future__ import annotations

from django.db import connection

from core.models import Collection, Record, Revision
from tenants.models import Tenant


def test_rows_go_with_the_row_that_they_point_at(in_tenant: Tenant) -> None:
    collection = Collection.objects.create(name="notes", title="Notes", schema={})
    gone, stays = (Record.objects.create(collection=collection, slug=slug) for slug in ("gone", "stays"))
    for record in (gone, stays):
        Revision.objects.create(
            record=record, version=1, slug=record.slug, action="created", actor="system:x"
        )

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM core_record WHERE id = %s", [gone.pk])

    assert list(Revision.objects.values_list("slug", flat=True)) == ["stays"]
