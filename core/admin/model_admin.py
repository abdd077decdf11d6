"""The base of every page in which the admin changes something.

Django's admin opens a transaction round a change and writes through the ORM. Here a change is one call of a
service, which opens its own transaction after plugins had their say; what it refuses is shown at the field.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.views.decorators.csrf import csrf_protect
from unfold.admin import ModelAdmin as FrameModelAdmin

from core.actors import is_allowed
from core.errors import FieldError, TenantryError
from core.models import AuditEntry
from core.scope import current_actor
from core.services.audit import record_audit

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = admin.ModelAdmin

_REFUSAL = "tenantry_refusal"
HISTORY_LENGTH = 100


class _WithoutTransaction(Base):
    """Runs the admin's own views without the transaction that it would put round them.

    It stands last among the bases, so that everything else still finds the views where it expects them.
    """

    @method_decorator(csrf_protect)
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        try:
            return self._changeform_view(request, object_id, form_url, extra_context)  # type: ignore[attr-defined]  # not in the stubs
        except TenantryError as refusal:
            if request.method != "POST":
                raise
            # The second pass draws the same form with the same input; the refusal makes it invalid.
            setattr(request, _REFUSAL, refusal)
            return self._changeform_view(request, object_id, form_url, extra_context)  # type: ignore[attr-defined]  # not in the stubs

    @method_decorator(csrf_protect)
    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        try:
            return self._delete_view(request, object_id, extra_context)  # type: ignore[attr-defined]  # not in the stubs
        except TenantryError as refusal:
            show_refusal(request, refusal)
            return HttpResponseRedirect(change_url(self, object_id))


class ServiceForm(forms.ModelForm):  # type: ignore[type-arg]  # one class for all models
    """A form that leaves the rules to the service: it only reads the input."""

    def _post_clean(self) -> None:
        """Do not put the input into the instance; the service reads the row itself, under its lock."""


class ServiceModelAdmin(FrameModelAdmin, _WithoutTransaction):  # type: ignore[misc]  # unfold has no types
    """A model's pages over services: override `create`, `update` and `remove`, each one service call.

    `actions_needed` says which action a person must be allowed for which kind of access; what is missing is
    refused. A refusal of a service (any `TenantryError`) is shown in the form and nothing typed is lost.
    """

    actions_needed: ClassVar[dict[str, str]] = {}
    # Places of a service's pointers that are not simply "/<field>".
    pointer_fields: ClassVar[dict[str, str]] = {}
    # What the list is called, as the menu calls it; empty where the model's own name does.
    list_title: ClassVar[str] = ""
    # What the audit log calls the thing; empty where the service writes the log itself.
    audit_name: ClassVar[str] = ""
    form = ServiceForm
    actions: Sequence[Any] = []
    list_per_page = 50
    save_as = False

    # Permission ----------------------------------------------------------------------------------------

    def may(self, access: str, obj: models.Model | None = None) -> bool:
        """Say whether the person in scope has this kind of access: view, add, change or delete."""
        action = self.actions_needed.get(access)
        return action is not None and is_allowed(current_actor(), action)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may("view", obj) or self.may("change", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may("add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may("change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may("delete", obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) or self.has_add_permission(request)

    # Lists ---------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, under a title that says what is in it."""
        return super().changelist_view(
            request, {"title": self.title_of_list(request), **(extra_context or {})}
        )

    def title_of_list(self, request: HttpRequest) -> str:
        """Return the list's title, for this request."""
        return self.list_title or capfirst(str(self.opts.verbose_name_plural))

    # Changes -------------------------------------------------------------------------------------------

    def create(self, request: HttpRequest, form: forms.BaseForm) -> models.Model:
        """Make the object that the form describes; called with a valid form."""
        raise PermissionDenied

    def update(self, request: HttpRequest, obj: Any, form: forms.BaseForm) -> models.Model:
        """Change the object as the form says; called with a valid form."""
        raise PermissionDenied

    def remove(self, request: HttpRequest, obj: Any) -> None:
        """Delete the object."""
        raise PermissionDenied

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.instance

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        saved = self.update(request, obj, form) if change else self.create(request, form)
        # The admin goes on with this very instance: address, message, log.
        obj.__dict__.update(saved.__dict__)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing is left to save: the service has written everything."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.remove(request, obj)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Services know what else goes; the page names the object itself."""
        named = [str(obj) for obj in objs]
        return named, {str(self.opts.verbose_name_plural): len(named)}, set(), []

    # Audit: the admin's own log table is not used --------------------------------------------------------

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self.audit(obj, "created")

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self.audit(obj, "updated")

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            self.audit(obj, "deleted")

    def audit(self, obj: models.Model, done: str) -> None:
        """Write down what was done, unless the service has done so."""
        if self.audit_name:
            record_audit(
                action=f"{self.audit_name}.{done}",
                target_type=self.audit_name,
                target_id=obj.pk,
                summary=str(obj),
            )

    # Refusals ------------------------------------------------------------------------------------------

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form_class = super().get_form(request, obj, change=change, **kwargs)
        refusal: TenantryError | None = getattr(request, _REFUSAL, None)
        if refusal is None:
            return form_class
        return self._refused(form_class, refusal)

    def _refused(self, form_class: Any, refusal: TenantryError) -> Any:
        place = self.place_refusal

        class RefusedForm(form_class):  # type: ignore[misc]  # built at run time
            def full_clean(self) -> None:
                super().full_clean()
                if self.is_bound:
                    place(self, refusal)

        return RefusedForm

    def place_refusal(self, form: forms.BaseForm, refusal: TenantryError) -> None:
        """Show a service's refusal in the form: each error at its field, the rest above the form."""
        rest: list[FieldError] = []
        for error in refusal.errors:
            field = self.field_of(error.pointer)
            if field in form.fields:
                form.add_error(field, ValidationError(error.message, code=error.code))
            else:
                rest.append(error)
        if rest or not refusal.errors:
            lines = [refusal.message, *(error_text(error) for error in rest)]
            form.add_error(None, [ValidationError(line, code=refusal.code) for line in lines])

    def field_of(self, pointer: str) -> str:
        """Return the name of the form field that a service's pointer means."""
        first = pointer.removeprefix("/").split("/")[0]
        return self.pointer_fields.get(pointer, first)

    # History -------------------------------------------------------------------------------------------

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The audit log's entries about one object."""
        obj = self.get_object(request, object_id)
        if obj is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        entries = AuditEntry.objects.filter(target_id=str(obj.pk)).order_by("-at", "-id")[:HISTORY_LENGTH]
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {obj}",
            "subtitle": None,
            "opts": self.opts,
            "object": obj,
            "entries": entries,
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/audit_history.html", context)


def change_url(model_admin: Base, object_id: str | UUID) -> str:
    """Return the address of an object's form."""
    opts = model_admin.opts
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[object_id])


def error_text(error: FieldError) -> str:
    """Return a field's error as a sentence that names the place."""
    return f"{error.pointer}: {error.message}" if error.pointer else error.message


def show_refusal(request: HttpRequest, refusal: TenantryError, *, before: str = "") -> None:
    """Tell the person after a redirect what a service refused, with every reason."""
    messages.error(request, refusal_text(refusal, before=before))


def refusal_text(refusal: TenantryError, *, before: str = "") -> SafeString:
    """Return a refusal as one line of a sentence and a list of reasons."""
    head = f"{before} {refusal.message}".strip()
    if not refusal.errors:
        return format_html("{}", head)
    reasons = format_html_join("", "<li>{}</li>", ((error_text(error),) for error in refusal.errors))
    return format_html('{}<ul class="refusal-reasons">{}</ul>', head, reasons)
