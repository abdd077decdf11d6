"""Two revisions side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.forms.form_values import title_of
from core.models import Revision
from core.schema_keywords import properties


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedField:
    """One field in two versions, as text."""

    name: str
    old: str
    new: str

    @property
    def differs(self) -> bool:
        return self.old != self.new


def compare_revisions(old: Revision, new: Revision, *, schema: Mapping[str, Any]) -> list[ComparedField]:
    """Return the fields that either version has and that differ, in the schema's order."""
    described = properties(schema)
    order = [*described, *sorted({*old.data, *new.data} - set(described))]
    rows = [
        ComparedField(name=label, old=str(getattr(old, name)), new=str(getattr(new, name)))
        for name, label in (("title", "Title"), ("slug", "Slug"), ("locale", "Language"))
    ]
    rows += [
        ComparedField(
            name=str(described.get(name, {}).get("title") or title_of(name)),
            old=as_text(old.data.get(name)),
            new=as_text(new.data.get(name)),
        )
        for name in order
    ]
    return [row for row in rows if row.differs]


def as_text(value: Any) -> str:
    """Return a JSON value as people read it."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "yes" if value else "no"
        case list() if all(isinstance(item, str | int | float) for item in value):
            return ", ".join(str(item) for item in value)
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, indent=2)
    return str(value)
