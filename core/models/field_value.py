"""The side table that filters and sorts read.

Under row-level security PostgreSQL uses an index only for leakproof operators. Comparisons of text, float8 and
timestamptz are, JSON operators are not, so fields marked `x-index` stand here as plain columns.
"""

from __future__ import annotations

from django.db import models

from core.models.collection import Collection
from core.models.record import Record
from core.tenancy.models import TenantOwned, TenantRelation

TEXT_VALUE_MAX_LENGTH = 500


class FieldValue(TenantOwned):
    """One value of one `x-index` field: of the working copy, or of what is published.

    A list makes one row per element, a boolean the float 0 or 1.
    """

    collection = TenantRelation(Collection, on_delete=models.CASCADE, related_name="+")
    record = TenantRelation(Record, on_delete=models.CASCADE, related_name="field_values")
    field = models.CharField(max_length=63)
    is_published = models.BooleanField()
    text_value = models.CharField(max_length=TEXT_VALUE_MAX_LENGTH, null=True)
    float_value = models.FloatField(null=True)
    datetime_value = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        indexes = [
            models.Index(
                fields=["tenant", "collection", "field", "is_published", value, "record"],
                name=f"core_field_{value.removesuffix('_value')}_idx",
                condition=models.Q(**{f"{value}__isnull": False}),
            )
            for value in ("text_value", "float_value", "datetime_value")
        ] + [models.Index(fields=["tenant", "record", "is_published"], name="core_field_record_idx")]

    def __str__(self) -> str:
        return f"{self.field} of {self.record_id}"
