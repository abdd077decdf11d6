"""Name, time zone and colours of a tenant's site."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.widgets import UnfoldAdminTextInputWidget

from core.admin.model_admin import ServiceForm, ServiceModelAdmin, change_url
from core.scope import require_tenant
from tenants.admin_site import on_tenant_site
from tenants.models import Tenant
from tenants.services.directory import update_tenant

_CHANGEABLE = ("name", "tagline", "time_zone", "accent_color")


class ProfileForm(ServiceForm):
    time_zone = forms.CharField(
        widget=UnfoldAdminTextInputWidget, help_text="Such as Europe/Berlin. Schedules and dates follow it."
    )
    accent_color = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Such as #2563eb; blank for the theme's own.",
    )

    class Meta:
        model = Tenant
        fields: ClassVar[list[str]] = list(_CHANGEABLE)


@on_tenant_site(Tenant)
class ProfileAdmin(ServiceModelAdmin):
    """One page: the tenant in scope."""

    actions_needed: ClassVar[dict[str, str]] = {"view": "tenant.manage", "change": "tenant.manage"}
    form = ProfileForm
    fields = (*_CHANGEABLE, "slug", "plan")
    readonly_fields = ("slug", "plan")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return HttpResponseRedirect(change_url(self, str(require_tenant().tenant_id)))

    def update(self, request: HttpRequest, obj: Tenant, form: forms.BaseForm) -> Tenant:
        return update_tenant(changes={name: form.cleaned_data[name] for name in _CHANGEABLE})

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        self.message_user(request, "The profile is saved.")
        return HttpResponseRedirect(change_url(self, obj.pk))
