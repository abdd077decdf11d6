"""Collections in the admin: what they are called, and their schema."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from core.admin.model_admin import ServiceForm, ServiceModelAdmin
from core.errors import TenantryError
from core.forms.json_form import JsonSchemaFormField
from core.models import Collection
from core.services.collections import (
    create_collection,
    delete_collection,
    update_collection,
    update_collection_schema,
)

# What a new collection begins with: an article that can be written and found.
FIRST_SCHEMA: Final[dict[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "title": {"type": "string", "title": "Title", "minLength": 1, "maxLength": 200, "x-search": True},
        "summary": {"type": "string", "title": "Summary", "maxLength": 500, "x-widget": "textarea"},
        "body": {"type": "string", "title": "Text", "x-widget": "markdown", "x-search": True},
        "tags": {"type": "array", "title": "Tags", "items": {"type": "string"}, "x-index": True},
    },
    "required": ["title"],
    "additionalProperties": False,
}

_SCHEMA_HELP: Final = (
    "JSON Schema, draft-07. Beside its keywords: x-widget (markdown, textarea, radio), x-relation (name of a "
    "collection), x-index (filters and sorts), x-unique, x-search, x-localized."
)


class CollectionForm(ServiceForm):
    name = forms.CharField(
        widget=UnfoldAdminTextInputWidget,
        help_text="As it stands in addresses: lower-case letters, digits, - and _. It stays for ever.",
    )
    title = forms.CharField(
        required=False, widget=UnfoldAdminTextInputWidget, help_text="Left blank, it is made from the name."
    )
    description = forms.CharField(required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))
    schema = JsonSchemaFormField(schema=None, help_text=_SCHEMA_HELP)
    allow_misfits = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        label="Accept records that do not fit",
        help_text="They stay as they are and must be put right at their next change.",
    )

    class Meta:
        model = Collection
        fields: ClassVar[list[str]] = [
            "name",
            "title",
            "description",
            "schema",
            "is_public",
            "has_pages",
            "requires_if_match",
        ]


class CollectionAdmin(ServiceModelAdmin):
    """The kinds of content that a tenant has."""

    actions_needed: ClassVar[dict[str, str]] = {
        "view": "collection.read",
        "add": "collection.manage",
        "change": "collection.manage",
        "delete": "collection.manage",
    }
    audit_name = "collection"
    form = CollectionForm
    list_display = ("title", "name", "record_count", "schema_version", "is_public", "has_pages")
    search_fields = ("name", "title")
    ordering = ("title",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Collection]:
        return Collection.objects.annotate(record_count=Count("records")).order_by("title")

    @admin.display(description="Records", ordering="record_count")
    def record_count(self, collection: Any) -> int:
        return int(collection.record_count)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("name", "schema_version") if obj is not None else ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        schema = ["schema", "schema_version", "allow_misfits"] if obj is not None else ["schema"]
        return [
            (None, {"fields": ["name", "title", "description"]}),
            ("Who reads it", {"fields": ["is_public", "has_pages", "requires_if_match"]}),
            ("Fields", {"fields": schema}),
        ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"schema": FIRST_SCHEMA, "is_public": True, "has_pages": True}

    def create(self, request: HttpRequest, form: forms.BaseForm) -> Collection:
        given = form.cleaned_data
        return create_collection(
            name=given["name"],
            title=given["title"],
            description=given["description"],
            schema=given["schema"],
            is_public=given["is_public"],
            has_pages=given["has_pages"],
            requires_if_match=given["requires_if_match"],
        )

    def update(self, request: HttpRequest, obj: Collection, form: forms.BaseForm) -> Collection:
        given = form.cleaned_data
        # The schema first: it is what may be refused.
        update_collection_schema(
            name=obj.name, schema=given["schema"], allow_misfits=given.get("allow_misfits", False)
        )
        return update_collection(
            name=obj.name,
            title=given["title"] or obj.title,
            description=given["description"],
            is_public=given["is_public"],
            has_pages=given["has_pages"],
            requires_if_match=given["requires_if_match"],
        )

    def remove(self, request: HttpRequest, obj: Collection) -> None:
        delete_collection(name=obj.name)

    def place_refusal(self, form: forms.BaseForm, refusal: TenantryError) -> None:
        for error in refusal.errors:
            if error.pointer.startswith(("/schema", "/records")):
                place = error.pointer.removeprefix("/schema")
                where = f"{place}: " if place and not error.pointer.startswith("/records") else ""
                form.add_error("schema", f"{where}{error.message}")
        rest = [e for e in refusal.errors if not e.pointer.startswith(("/schema", "/records"))]
        super().place_refusal(form, TenantryError(refusal.message, code=refusal.code, errors=rest))
