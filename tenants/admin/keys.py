"""API keys: made, replaced, ended. A key's text is shown once, on the page that answers its making."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from core.actors import is_allowed
from core.admin.model_admin import ServiceForm, ServiceModelAdmin, change_url, show_refusal
from core.errors import TenantryError
from core.scope import current_actor
from core.templatetags.admin_state import badge
from tenants.admin_site import on_tenant_site
from tenants.models import ApiKey, Role
from tenants.services.keys import DEFAULT_SCOPES, IssuedKey, create_api_key, revoke_api_key, rotate_api_key

OVERLAP = timedelta(days=1)


class ApiKeyForm(ServiceForm):
    name = forms.CharField(widget=UnfoldAdminTextInputWidget, max_length=100)
    owner = forms.ChoiceField(
        choices=[("own", "Mine: it may what I may, as long as I am a member"), ("service", "A service")],
        widget=UnfoldAdminSelectWidget,
        label="Whose",
    )
    role = forms.ChoiceField(
        required=False,
        choices=[("", "(a key of mine has my role)"), *(c for c in Role.choices if c[0] != Role.OWNER)],
        widget=UnfoldAdminSelectWidget,
        help_text="Of a service's key.",
    )
    scopes = forms.CharField(
        required=False,
        initial="\n".join(DEFAULT_SCOPES),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text="One per line, action:collection, such as record.read:posts or record.*:*. "
        "Blank adds no limit to the role's.",
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=730,
        initial=90,
        label="Days until it ends",
        widget=UnfoldAdminIntegerFieldWidget,
    )

    class Meta:
        model = ApiKey
        fields: ClassVar[list[str]] = ["name"]


@on_tenant_site(ApiKey)
class ApiKeyAdmin(ServiceModelAdmin):
    """Keys for programs: a person sees their own, an administrator all."""

    actions_needed: ClassVar[dict[str, str]] = {"view": "key.own", "add": "key.own"}
    pointer_fields: ClassVar[dict[str, str]] = {"/expires_at": "days"}
    list_title = "API keys"
    list_display = ("name", "start", "whose", "role", "state", "expires_at", "last_used_at")
    search_fields = ("name", "prefix")
    ordering = ("-created_at",)
    form = ApiKeyForm
    change_form_template = "admin/tenants/apikey/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        keys: QuerySet[ApiKey] = ApiKey.objects.select_related("user").order_by(*self.ordering)
        actor = current_actor()
        return keys if is_allowed(actor, "key.manage") else keys.filter(user_id=actor.id)

    @admin.display(description="Begins with")
    def start(self, key: ApiKey) -> str:
        return f"tnt_{key.prefix}_…"

    @admin.display(description="Whose")
    def whose(self, key: ApiKey) -> str:
        return key.user.email if key.user else "a service"

    @admin.display(description="State")
    def state(self, key: ApiKey) -> SafeString:
        if key.revoked_at is not None:
            return badge("Revoked", "is-bad")
        if key.expires_at is not None and key.expires_at <= timezone.now():
            return badge("Ended", "is-warn")
        return badge("Valid", "is-good")

    @admin.display(description="Scopes")
    def scope_list(self, key: ApiKey) -> str:
        return ", ".join(key.scopes) or "no limit but the role's"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(None, {"fields": ["name", "owner", "role", "scopes", "days"]})]
        shown = ["name", "start", "whose", "role", "scope_list", "state"]
        return [(None, {"fields": [*shown, "created_at", "expires_at", "revoked_at", "last_used_at"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        return tuple(self.get_fieldsets(request, obj)[0][1]["fields"])

    def create(self, request: HttpRequest, form: forms.BaseForm) -> ApiKey:
        given = form.cleaned_data
        for_service = given["owner"] == "service"
        issued = create_api_key(
            name=given["name"],
            for_service=for_service,
            role=given["role"] or None,
            scopes=[line.strip() for line in given["scopes"].splitlines() if line.strip()],
            expires_at=timezone.now() + timedelta(days=given["days"]),
        )
        request.issued_key = issued  # type: ignore[attr-defined]  # for the answer to this very request
        return issued.key

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._show_once(request, request.issued_key)  # type: ignore[attr-defined]  # see create

    def _show_once(self, request: HttpRequest, issued: IssuedKey) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"The key “{issued.key.name}”",
            "issued": issued,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/tenants/apikey/issued.html", context)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<uuid:key_id>/revoke/", wrap(self.revoke_view), name="tenants_apikey_revoke"),
            path("<uuid:key_id>/rotate/", wrap(self.rotate_view), name="tenants_apikey_rotate"),
        ]
        return [*own, *super().get_urls()]

    def revoke_view(self, request: HttpRequest, key_id: UUID) -> HttpResponse:
        """End a key at once."""
        self._visible(request, key_id)
        if request.method == "POST":
            try:
                revoke_api_key(key_id=key_id)
            except TenantryError as refusal:
                show_refusal(request, refusal)
            else:
                self.message_user(request, "The key is revoked.")
        return HttpResponseRedirect(change_url(self, key_id))

    def rotate_view(self, request: HttpRequest, key_id: UUID) -> HttpResponse:
        """Replace a key; the old one works for a day more."""
        self._visible(request, key_id)
        if request.method != "POST":
            return HttpResponseRedirect(change_url(self, key_id))
        try:
            issued = rotate_api_key(key_id=key_id, overlap=OVERLAP)
        except TenantryError as refusal:
            show_refusal(request, refusal)
            return HttpResponseRedirect(change_url(self, key_id))
        return self._show_once(request, issued)

    def _visible(self, request: HttpRequest, key_id: UUID) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not self.get_queryset(request).filter(pk=key_id).exists():
            raise Http404("There is no such key.")
