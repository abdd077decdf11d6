"""Deleting a row of content together with what plugins have attached to it."""

from __future__ import annotations

from typing import Any

from django.db import connection, models
from django.db.models.deletion import Collector, ProtectedError, RestrictedError

from core.errors import Conflict


def delete_with_related(row: models.Model) -> None:
    """Delete a row as Django does: cascades, protections and signals of all models that point at it.

    A model whose table does not exist is passed over: a plugin that waits for its migrations has no rows.

    Raises:
        Conflict: Something protects the row.
    """
    collector = _Collector(using=connection.alias, origin=row)
    try:
        collector.collect([row])
    except (ProtectedError, RestrictedError) as error:
        protecting = (
            error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects
        )
        names = sorted({str(one._meta.verbose_name) for one in protecting})
        raise Conflict(
            f"“{row}” cannot be deleted: it is still used by {', '.join(names)}.", code="still_used"
        ) from error
    collector.delete()


class _Collector(Collector):
    """Django's collector, on a database in which some tables may still be missing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tables: frozenset[str] | None = None

    def related_objects(self, related_model: Any, related_fields: Any, objs: Any) -> Any:
        """Return what points at the rows to delete."""
        if related_model._meta.db_table not in self._existing_tables():
            return related_model._base_manager.using(self.using).none()
        return super().related_objects(related_model, related_fields, objs)

    def _existing_tables(self) -> frozenset[str]:
        if self._tables is None:
            with connection.cursor() as cursor:
                self._tables = frozenset(connection.introspection.table_names(cursor, include_views=True))
        return self._tables
