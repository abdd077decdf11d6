"""The hosts at which a tenant answers."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest

from core.admin.model_admin import ServiceModelAdmin
from tenants.admin_site import on_tenant_site
from tenants.models import Domain
from tenants.services.directory import add_domain, remove_domain


@on_tenant_site(Domain)
class DomainAdmin(ServiceModelAdmin):
    """Host names; links and feeds name the primary one."""

    actions_needed: ClassVar[dict[str, str]] = {
        "view": "domain.manage",
        "add": "domain.manage",
        "delete": "domain.manage",
    }
    list_display = ("host", "is_primary", "created_at")
    search_fields = ("host",)
    ordering = ("host",)
    fields = ("host", "is_primary")

    def create(self, request: HttpRequest, form: forms.BaseForm) -> Domain:
        return add_domain(host=form.cleaned_data["host"], is_primary=form.cleaned_data["is_primary"])

    def remove(self, request: HttpRequest, obj: Any) -> None:
        remove_domain(host=obj.host)
