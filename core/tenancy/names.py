"""Names of the constraints that every tenant's table has."""

from __future__ import annotations

from django.db.backends.utils import names_digest

MAX_NAME_LENGTH = 63  # PostgreSQL cuts longer identifiers off


def constraint_name(table: str, suffix: str) -> str:
    """Return the name of a table's constraint, cut to what PostgreSQL takes."""
    name = f"{table}_{suffix}"
    if len(name) <= MAX_NAME_LENGTH:
        return name
    digest = names_digest(table, suffix, length=8)
    return f"{name[: MAX_NAME_LENGTH - 9]}_{digest}"
