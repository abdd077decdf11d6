"""The platform's own pages: tenants, people, audit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from core.admin.model_admin import ServiceForm, ServiceModelAdmin, change_url, show_refusal
from core.errors import TenantryError
from core.models import PlatformAuditEntry
from core.templatetags.admin_state import badge
from tenants.admin_site import on_platform_site
from tenants.models import Domain, Membership, Plan, Tenant, TenantStatus, User
from tenants.services.directory import create_tenant, resume_tenant, suspend_tenant
from tenants.services.people import make_operator

OPERATE = "installation.manage"


class NewTenantForm(ServiceForm):
    slug = forms.CharField(
        widget=UnfoldAdminTextInputWidget, help_text="3 to 50 lower-case letters, digits and -."
    )
    name = forms.CharField(required=False, widget=UnfoldAdminTextInputWidget, max_length=200)
    plan = forms.ChoiceField(choices=Plan.choices, widget=UnfoldAdminSelectWidget)
    time_zone = forms.CharField(initial="UTC", widget=UnfoldAdminTextInputWidget)
    hosts = forms.CharField(
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="One per line, without port; the first one is the primary host.",
    )

    class Meta:
        model = Tenant
        fields: ClassVar[list[str]] = ["slug", "name", "plan", "time_zone"]


@on_platform_site(Tenant)
class TenantAdmin(ServiceModelAdmin):
    """All customers of the installation."""

    actions_needed: ClassVar[dict[str, str]] = {"view": OPERATE, "add": OPERATE}
    pointer_fields: ClassVar[dict[str, str]] = {"/host": "hosts"}
    list_display = ("name", "slug", "plan", "status_label", "member_count", "created_at")
    list_filter = ("plan", "status")
    search_fields = ("name", "slug")
    ordering = ("name",)
    form = NewTenantForm
    change_form_template = "admin/tenants/platform_tenant_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        members = Membership.objects.filter(tenant=OuterRef("pk")).order_by().values("tenant")
        count = Coalesce(Subquery(members.annotate(number=Count("pk")).values("number")), 0)
        return Tenant.objects.annotate(member_count=count).order_by(*self.ordering)

    @admin.display(description="Status", ordering="status")
    def status_label(self, tenant: Tenant) -> SafeString:
        is_active = tenant.status == TenantStatus.ACTIVE
        return badge(TenantStatus(tenant.status).label, "is-good" if is_active else "is-bad")

    @admin.display(description="Members", ordering="member_count")
    def member_count(self, tenant: Any) -> int:
        return int(tenant.member_count)

    @admin.display(description="Hosts")
    def hosts(self, tenant: Tenant) -> str:
        return ", ".join(
            Domain.objects.filter(tenant=tenant)
            .order_by("-is_primary", "host")
            .values_list("host", flat=True)
        )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(None, {"fields": ["slug", "name", "plan", "time_zone", "hosts"]})]
        return [
            (None, {"fields": ["name", "slug", "hosts", "plan", "time_zone", "status_label", "created_at"]})
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else tuple(self.get_fieldsets(request, obj)[0][1]["fields"])

    def create(self, request: HttpRequest, form: forms.BaseForm) -> Tenant:
        given = form.cleaned_data
        return create_tenant(
            slug=given["slug"],
            name=given["name"],
            plan=given["plan"],
            time_zone=given["time_zone"],
            hosts=given["hosts"].split(),
        )

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<uuid:tenant_id>/suspend/", wrap(self.suspend_view), name="tenants_tenant_suspend"),
            path("<uuid:tenant_id>/resume/", wrap(self.resume_view), name="tenants_tenant_resume"),
        ]
        return [*own, *super().get_urls()]

    def suspend_view(self, request: HttpRequest, tenant_id: UUID) -> HttpResponse:
        """Close a tenant's hosts; nothing is lost."""
        return self._set(request, tenant_id, suspend_tenant, "is suspended")

    def resume_view(self, request: HttpRequest, tenant_id: UUID) -> HttpResponse:
        """Open a tenant's hosts again."""
        return self._set(request, tenant_id, resume_tenant, "answers again")

    def _set(
        self, request: HttpRequest, tenant_id: UUID, service: Callable[..., Tenant], done: str
    ) -> HttpResponse:
        tenant = get_object_or_404(Tenant, pk=tenant_id)
        if request.method == "POST":
            try:
                service(slug=tenant.slug)
            except TenantryError as refusal:
                show_refusal(request, refusal)
            else:
                self.message_user(request, f"{tenant.name} {done}.")
        return HttpResponseRedirect(change_url(self, tenant.pk))


class OperatorForm(ServiceForm):
    email = forms.EmailField(widget=UnfoldAdminTextInputWidget(attrs={"type": "email"}))
    name = forms.CharField(required=False, widget=UnfoldAdminTextInputWidget, max_length=200)
    password = forms.CharField(
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters. It replaces the one that the person has, and ends their sign-ins.",
    )

    class Meta:
        model = User
        fields: ClassVar[list[str]] = ["email", "name"]


@on_platform_site(User)
class UserAdmin(ServiceModelAdmin):
    """Everybody who can sign in anywhere. Adding here makes an operator; members are added at their tenant."""

    actions_needed: ClassVar[dict[str, str]] = {"view": OPERATE, "add": OPERATE}
    list_title = "People"
    list_display = ("email", "name", "is_active", "is_staff", "created_at")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    ordering = ("email",)
    form = OperatorForm

    @admin.display(description="Member of")
    def memberships_text(self, user: User) -> str:
        rows = user.memberships.select_related("tenant").order_by("tenant__name")
        return ", ".join(f"{row.tenant.name} ({row.role})" for row in rows) or "no tenant"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(None, {"fields": ["email", "name", "password"]})]
        shown = ["email", "name", "is_active", "is_staff", "memberships_text", "created_at"]
        return [(None, {"fields": shown})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else tuple(self.get_fieldsets(request, obj)[0][1]["fields"])

    def create(self, request: HttpRequest, form: forms.BaseForm) -> User:
        given = form.cleaned_data
        return make_operator(email=given["email"], password=given["password"], name=given["name"])


@on_platform_site(PlatformAuditEntry)
class PlatformAuditEntryAdmin(ServiceModelAdmin):
    """Who did what to the installation."""

    actions_needed: ClassVar[dict[str, str]] = {"view": OPERATE}
    list_title = "Audit log"
    list_display = ("at", "actor_label", "action", "summary")
    list_filter = ("action",)
    search_fields = ("summary", "actor_label")
    ordering = ("-at", "-id")
