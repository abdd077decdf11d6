"""The form of a record: the parts that all have, and those that come from the collection's schema."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from core.admin.model_admin import ServiceForm
from core.models import Collection, Record
from core.schema_keywords import as_uuid, relations

# A list in a form helps up to here; beyond it the newest are offered and those already chosen.
MAX_CHOICES = 300


class RecordForm(ServiceForm):
    """The parts of the form that every collection has."""

    title = forms.CharField(required=False, widget=UnfoldAdminTextInputWidget)
    slug = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="The last part of the address. Left blank, it is made from the title.",
    )
    locale = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        label="Language",
        help_text="A tag such as en or pt-BR; blank for the site's own language.",
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    locked: ClassVar[bool] = False

    class Meta:
        model = Record
        fields: ClassVar[list[str]] = ["title", "slug", "locale", "version"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.locked:
            for field in self.fields.values():
                field.disabled = True


def has_own_title(collection: Collection) -> bool:
    """Say whether the title of a record comes from its fields."""
    return bool({"title", "name"} & set(collection.schema.get("properties", {})))


def relation_choices(collection: str, *, record: Record | None) -> list[tuple[str, str]]:
    """Return (id, title) of the records that a field may point at: the newest, and those chosen already."""
    found = Record.objects.filter(collection__name=collection)
    rows = list(found.order_by("-updated_at", "-id").values_list("pk", "title", "slug")[:MAX_CHOICES])
    if record is not None:
        known = {row[0] for row in rows}
        chosen = _chosen(record, collection) - known
        rows += list(found.filter(pk__in=chosen).values_list("pk", "title", "slug"))
    return sorted(
        ((str(pk), title or slug) for pk, title, slug in rows), key=lambda choice: choice[1].casefold()
    )


def _chosen(record: Record, collection: str) -> set[UUID]:
    names = [name for name, target in relations(record.collection.schema).items() if target == collection]
    values = (record.data.get(name) for name in names)
    flat = (item for value in values for item in (value if isinstance(value, list) else [value]))
    return {identity for item in flat if isinstance(item, str) and (identity := as_uuid(item)) is not None}
