"""Records in the admin: written, published, compared, restored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from core.actors import is_allowed
from core.admin.model_admin import ServiceModelAdmin, change_url, show_refusal
from core.admin.publications import publish_aloud
from core.admin.record_form import RecordForm, has_own_title, relation_choices
from core.admin.record_history import RecordHistoryPages
from core.admin.record_lists import CollectionFilter, StateFilter, may_on_record
from core.errors import FieldError, Stale, TenantryError
from core.forms.json_form import JsonSchemaFormField, under
from core.models import Collection, Record
from core.models.record import RecordState
from core.schema_keywords import as_uuid
from core.scope import current_actor
from core.selectors.content_document import content_document
from core.selectors.content_state import state_of_record
from core.services.publishing import unpublish_record
from core.services.records import create_record, delete_record, update_record
from core.templatetags.admin_state import state_badge


class RecordAdmin(RecordHistoryPages, ServiceModelAdmin):
    """One list and one form for all collections; the form comes from the collection's schema."""

    actions_needed: ClassVar[dict[str, str]] = {
        "view": "record.read_draft",
        "add": "record.create",
        "change": "record.update",
        "delete": "record.delete",
    }
    audit_name = "record"
    form = RecordForm
    list_display = ("record_title", "collection_title", "state_label", "version", "updated_at")
    list_filter = (CollectionFilter, StateFilter)
    list_select_related = ("collection",)
    search_fields = ("title", "slug")
    ordering = ("-updated_at", "-id")
    actions: Sequence[Any] = ["publish_selected", "unpublish_selected", "delete_chosen"]
    change_form_template = "admin/core/record/change_form.html"

    # What is shown ---------------------------------------------------------------------------------------

    @admin.display(description="Title", ordering="title")
    def record_title(self, record: Record) -> str:
        return str(record)

    @admin.display(description="Collection", ordering="collection__title")
    def collection_title(self, record: Record) -> str:
        return str(record.collection.title)

    @admin.display(description="State", ordering="state")
    def state_label(self, record: Record) -> SafeString:
        return state_badge(record.state)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Record]:
        records: QuerySet[Record] = Record.objects.select_related("collection")
        return records.order_by(*self.ordering)

    def title_of_list(self, request: HttpRequest) -> str:
        name = request.GET.get("collection")
        found = Collection.objects.filter(name=name).first() if name else None
        return found.title if found is not None else super().title_of_list(request)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Record | None:
        identity = as_uuid(object_id)
        record = self.get_queryset(request).filter(pk=identity).first() if identity else None
        if record is not None:
            request.active_collection = record.collection.name  # type: ignore[attr-defined]  # for the menu
        return record

    def may(self, access: str, obj: Any = None) -> bool:
        action = self.actions_needed.get(access)
        if action is None:
            return False
        if obj is None:
            return is_allowed(current_actor(), action)
        return may_on_record(action, obj)

    # The form --------------------------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        if self._wanted_collection(request) is None:
            return self._pick_collection(request)
        response: HttpResponse = super().add_view(request, form_url, extra_context)
        return response

    def _wanted_collection(self, request: HttpRequest) -> Collection | None:
        # A list that was narrowed to a collection leads to a new record of that collection.
        narrowed = QueryDict(request.GET.get("_changelist_filters", ""))
        name = request.GET.get("collection") or narrowed.get("collection")
        if name:
            return get_object_or_404(Collection, name=name)
        found = list(Collection.objects.all()[:2])
        return found[0] if len(found) == 1 else None

    def _pick_collection(self, request: HttpRequest) -> HttpResponse:
        actor = current_actor()
        collections = [
            collection
            for collection in Collection.objects.order_by("title")
            if is_allowed(actor, "record.create", collection=collection.name)
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": "What do you want to write?",
            "collections": collections,
            "may_manage": is_allowed(actor, "collection.manage"),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/core/record/pick_collection.html", context)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        names = ["title", "data", "slug", "locale", "version"]
        if has_own_title(self._collection(request, obj)):
            names.remove("title")
        return [(None, {"fields": names})]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        collection = self._collection(request, obj)
        field = JsonSchemaFormField(
            schema=collection.schema or None,
            current=obj.data if obj is not None else None,
            # What an author emptied stays empty; defaults are for new records.
            fill_defaults=obj is None,
            choices=lambda name: relation_choices(name, record=obj),
            label=collection.title,
            required=True,
        )
        parts: dict[str, Any] = {"data": field}
        if has_own_title(collection):
            parts["title"] = None
        # A person who may look but not change sees the same form, locked.
        parts["locked"] = obj is not None and not self.has_change_permission(request, obj)
        kwargs["form"] = type("CollectionRecordForm", (RecordForm,), parts)
        return super().get_form(request, obj, change=change, **kwargs)

    def _collection(self, request: HttpRequest, obj: Record | None) -> Collection:
        if obj is not None:
            return obj.collection  # type: ignore[no-any-return]  # TenantRelation
        collection = self._wanted_collection(request)
        if collection is None:
            raise Http404("There is no such collection.")
        return collection

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        record = self.get_object(request, object_id) if object_id else None
        shown: dict[str, Any] = {"may_publish": False, "record": record}
        collection = record.collection if record is not None else self._wanted_collection(request)
        shown["shows_title"] = collection is not None and not has_own_title(collection)
        if record is not None:
            state = state_of_record(record)
            is_live = record.state in {RecordState.PUBLISHED, RecordState.CHANGED}
            shown |= {
                "may_publish": may_on_record("record.publish", record),
                "is_live": is_live,
                "live_path": state.path if is_live else "",
                "preview_url": reverse("admin:core_record_preview", args=[record.pk])
                if state.has_pages
                else "",
                "state_badge": state_badge(record.state),
                "subtitle": str(record.collection.title),
            }
        elif collection is not None:
            actor = current_actor()
            shown["may_publish"] = is_allowed(
                actor, "record.publish", collection=collection.name, owner_id=actor.id
            )
            shown["title"] = f"New in {collection.title}"
        response: HttpResponse = super().changeform_view(
            request, object_id, form_url, {**shown, **(extra_context or {})}
        )
        return response

    # Changes ---------------------------------------------------------------------------------------------

    def create(self, request: HttpRequest, form: forms.BaseForm) -> Record:
        given = form.cleaned_data
        return create_record(
            collection=self._collection(request, None),
            data=given["data"],
            title=given.get("title", ""),
            slug=given.get("slug", ""),
            locale=given.get("locale", ""),
        )

    def update(self, request: HttpRequest, obj: Record, form: forms.BaseForm) -> Record:
        given = form.cleaned_data
        return update_record(
            record_id=obj.pk,
            data=given["data"],
            title=given.get("title"),
            slug=given.get("slug") or None,
            locale=given.get("locale", ""),
            # "Save over it" was pressed after the person was told.
            expected_version=None if "_overwrite" in request.POST else given.get("version"),
        )

    def remove(self, request: HttpRequest, obj: Record) -> None:
        delete_record(record_id=obj.pk)

    def place_refusal(self, form: forms.BaseForm, refusal: TenantryError) -> None:
        inside = under(refusal.errors, "/data")
        field = form.fields["data"]
        if inside and isinstance(field, JsonSchemaFormField):
            field.show_errors(inside)
            form.add_error("data", field.lines(inside))
        outside = [error for error in refusal.errors if not error.pointer.startswith("/data")]
        if outside or not inside:
            super().place_refusal(form, _with_errors(refusal, outside))
        if isinstance(refusal, Stale):
            form.is_stale = True  # type: ignore[attr-defined]  # the template offers to save over it

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._after_save(request, obj, "saved as a draft")

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return self._after_save(request, obj, "saved")

    def _after_save(self, request: HttpRequest, record: Record, done: str) -> HttpResponse:
        """Stay on the record; publish it first where that was asked for."""
        try:
            if "_publish" in request.POST:
                publish_aloud(request, record_id=record.pk)
                done = "published"
        except TenantryError as refusal:
            show_refusal(request, refusal, before="Saved, but not published.")
        else:
            messages.success(request, f"“{record}” is {done}.")
        return HttpResponseRedirect(change_url(self, record.pk))

    # Further pages ---------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        def at(route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(
                f"<uuid:record_id>/{route}/", self.admin_site.admin_view(view), name=f"core_record_{name}"
            )

        own = [
            at("publish", self.publish_view, "publish"),
            at("unpublish", self.unpublish_view, "unpublish"),
            at("preview", self.preview_view, "preview"),
            at("compare", self.compare_view, "compare"),
            at("restore", self.restore_view, "restore"),
        ]
        return [*own, *super().get_urls()]

    def publish_view(self, request: HttpRequest, record_id: UUID) -> HttpResponse:
        """Publish the working copy as it is stored."""
        publish = partial(publish_aloud, request)
        return self._step(request, record_id, publish, "is published", "record.publish")

    def unpublish_view(self, request: HttpRequest, record_id: UUID) -> HttpResponse:
        """Take the record off the site."""
        return self._step(request, record_id, unpublish_record, "is off the site", "record.publish")

    def _step(
        self, request: HttpRequest, record_id: UUID, service: Callable[..., Record], done: str, action: str
    ) -> HttpResponse:
        record = self.record_or_404(request, record_id)
        if request.method == "POST":
            if not may_on_record(action, record):
                raise PermissionDenied
            try:
                service(record_id=record.pk)
            except TenantryError as refusal:
                show_refusal(request, refusal)
            else:
                messages.success(request, f"“{record}” {done}.")
        return HttpResponseRedirect(change_url(self, record.pk))

    def preview_view(self, request: HttpRequest, record_id: UUID) -> HttpResponse:
        """The page as it would be if the working copy were published now."""
        record = self.record_or_404(request, record_id)
        state = state_of_record(record)
        if not state.has_pages:
            raise Http404("The records of this collection have no pages.")
        try:
            page = content_document(state)["rendered_html"]
        except TenantryError as refusal:
            show_refusal(request, refusal)
            return HttpResponseRedirect(change_url(self, record.pk))
        return HttpResponse(page)

    # Several at once -------------------------------------------------------------------------------------

    @admin.action(description="Publish")
    def publish_selected(self, request: HttpRequest, records: QuerySet[Record]) -> None:
        self._each(request, records, partial(publish_aloud, request), "published")

    @admin.action(description="Take off the site")
    def unpublish_selected(self, request: HttpRequest, records: QuerySet[Record]) -> None:
        self._each(request, records, unpublish_record, "taken off the site")

    @admin.action(description="Delete")
    def delete_chosen(self, request: HttpRequest, records: QuerySet[Record]) -> HttpResponse | None:
        if request.POST.get("confirmed") != "yes":
            context = {
                **self.admin_site.each_context(request),
                "title": "Delete records",
                "records": list(records[: self.list_per_page * 4]),
                "opts": self.opts,
            }
            return TemplateResponse(request, "admin/core/record/delete_chosen.html", context)
        self._each(request, records, delete_record, "deleted")
        return None

    def _each(
        self, request: HttpRequest, records: Iterable[Record], service: Callable[..., Any], done: str
    ) -> None:
        """Run one service per record; what one refuses does not keep the others from being done."""
        count = 0
        for record in list(records):
            try:
                service(record_id=record.pk)
            except TenantryError as refusal:
                show_refusal(request, refusal, before=f"“{record}”:")
            else:
                count += 1
        if count:
            messages.success(request, f"{count} record{'s' if count > 1 else ''} {done}.")


def _with_errors(refusal: TenantryError, errors: Sequence[FieldError]) -> TenantryError:
    """Return the same refusal with fewer errors."""
    return TenantryError(refusal.message, code=refusal.code, errors=errors)
