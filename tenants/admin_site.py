"""The two admin sites: a tenant's own at each of its hosts, and the platform's at the platform's.

Both stand under /admin/; the host decides which one answers. At a tenant's host a person may what the membership's
role allows and nothing else; `is_staff` and `is_superuser` count at the platform's host only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse

from core.actors import is_allowed
from core.admin.dashboard import collection_overview, latest_records
from core.admin.frame import FrameAdminSite, MenuGroup, MenuItem
from core.models import AuditEntry, Collection, PlatformAuditEntry, Record
from core.scope import current_actor, current_scope, require_tenant
from tenants.admin_sign_in import MemberSignInForm, OperatorSignInForm, PasswordPages
from tenants.models import ApiKey, Domain, Membership, Tenant, User


class TenantAdminSite(PasswordPages, FrameAdminSite):
    """What members of a tenant see."""

    login_form = MemberSignInForm
    index_title = "Overview"
    index_template = "admin/tenant_index.html"

    def has_permission(self, request: HttpRequest) -> bool:
        scope, actor = current_scope(), current_actor()
        return (
            scope is not None
            and scope.tenant_id is not None
            and actor.kind == "user"
            and actor.role is not None
        )

    def tenant(self, request: HttpRequest) -> Tenant:
        """The tenant of the request, read once."""
        known: Tenant | None = getattr(request, "frame_tenant", None)
        if known is None:
            # The host has decided before any admin page is asked for.
            known = Tenant.objects.get(id=str(require_tenant().tenant_id))
            request.frame_tenant = known  # type: ignore[attr-defined]  # kept for this request
        return known

    def heading(self, request: HttpRequest) -> str:
        return self.tenant(request).name

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        actor = current_actor()
        return super().each_context(request) | {
            "site_subheader": (actor.role or "").capitalize() if self.has_permission(request) else "",
        }

    def menu(self, request: HttpRequest) -> Iterable[MenuGroup]:
        home = reverse("admin:index")
        yield MenuGroup(
            title="",
            items=[MenuItem(title="Overview", link=home, icon="home", active=request.path == home)],
        )
        yield MenuGroup(title="Content", items=[*self._collections(request)])
        yield MenuGroup(
            title="Site",
            items=[
                *self.item_for(request, Membership, title="People", icon="group"),
                *self.item_for(request, Domain, title="Domains", icon="language"),
                *self.item_for(request, ApiKey, title="API keys", icon="key"),
                *self.item_for(request, Tenant, title="Profile", icon="tune"),
                *self.item_for(request, AuditEntry, title="Audit log", icon="receipt_long"),
            ],
        )

    def _collections(self, request: HttpRequest) -> Iterable[MenuItem]:
        records = self._registry.get(Record)
        if records is not None and records.has_view_permission(request):
            base = reverse("admin:core_record_changelist")
            shown = getattr(request, "active_collection", request.GET.get("collection"))
            for collection in Collection.objects.order_by("title"):
                yield MenuItem(
                    title=collection.title,
                    link=f"{base}?collection={collection.name}",
                    icon="article",
                    active=request.path.startswith(base) and shown == collection.name,
                )
        if is_allowed(current_actor(), "collection.manage"):
            yield from self.item_for(request, Collection, title="Collections", icon="schema")

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The first page: what there is, and what happened last."""
        shown = {"collections": collection_overview(), "records": latest_records()}
        response: TemplateResponse = super().index(request, {**shown, **(extra_context or {})})
        return response


class PlatformAdminSite(PasswordPages, FrameAdminSite):
    """What operators of the installation see, in the platform's scope (see `tenants.middleware`)."""

    login_form = OperatorSignInForm
    site_header = "Platform"
    index_title = "Platform"
    index_template = "admin/platform_index.html"

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return bool(user.is_active and getattr(user, "is_staff", False))

    def menu(self, request: HttpRequest) -> Iterable[MenuGroup]:
        home = reverse("admin:index")
        yield MenuGroup(
            title="",
            items=[MenuItem(title="Overview", link=home, icon="home", active=request.path == home)],
        )
        yield MenuGroup(
            title="Installation",
            items=[
                *self.item_for(request, Tenant, title="Tenants", icon="apartment"),
                *self.item_for(request, User, title="People", icon="group"),
                *self.item_for(request, PlatformAuditEntry, title="Audit log", icon="receipt_long"),
            ],
        )


tenant_site = TenantAdminSite()
platform_site = PlatformAdminSite()


def on_tenant_site(
    model: type[Model],
) -> Callable[[type[admin.ModelAdmin[Any]]], type[admin.ModelAdmin[Any]]]:
    """Class decorator: register a page for `model` on the tenants' site."""
    return _on(tenant_site, model)


def on_platform_site(
    model: type[Model],
) -> Callable[[type[admin.ModelAdmin[Any]]], type[admin.ModelAdmin[Any]]]:
    """Class decorator: register a page for `model` on the platform's site."""
    return _on(platform_site, model)


def _on(
    site: FrameAdminSite, model: type[Model]
) -> Callable[[type[admin.ModelAdmin[Any]]], type[admin.ModelAdmin[Any]]]:
    def register(page: type[admin.ModelAdmin[Any]]) -> type[admin.ModelAdmin[Any]]:
        site.register(model, page)
        return page

    return register
