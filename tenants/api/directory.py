"""`tenants/...` on a platform host: the installation's tenants, for its operators."""

from __future__ import annotations

from typing import Final

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.actors import authorize
from core.api.bodies import TEXT, Body, object_schema
from core.api.documents import page_schema
from core.api.pagination import PARAMETERS, page_of
from core.api.views import ApiView
from core.platform_work import PlatformWork
from core.scope import current_actor, current_scope, platform_scope
from tenants.api.documents import TENANT, tenant_document
from tenants.models import Plan, Tenant
from tenants.services.directory import create_tenant, resume_tenant, suspend_tenant, unknown_tenant

CREATE: Final = Body(
    object_schema(
        {
            "slug": TEXT,
            "name": TEXT,
            "plan": {"type": "string", "enum": [*Plan.values]},
            "time_zone": TEXT,
            "hosts": {"type": "array", "items": TEXT, "maxItems": 50},
        },
        required=("slug",),
    )
)


class _PlatformView(ApiView):
    """A view that only operators get, and only on a platform host."""

    needs_tenant = False

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        scope = current_scope()
        if scope is None or scope.kind != "platform":
            raise Http404
        authorize(current_actor(), "installation.manage")


class TenantListView(_PlatformView):
    """All tenants; making one."""

    query_parameters = {"GET": PARAMETERS}

    @extend_schema(tags=["tenants"], summary="List tenants", responses={200: page_schema(TENANT)})
    def get(self, request: Request) -> Response:
        with platform_scope(PlatformWork.TENANT_DIRECTORY):
            page = page_of(
                Tenant.objects.all(),
                request.query_params.dict(),
                sorts=("slug", "created_at"),
                default="slug",
            )
        return Response(page.document(tenant_document))

    @extend_schema(tags=["tenants"], summary="Make a tenant", request=CREATE.openapi, responses={201: TENANT})
    def post(self, request: Request) -> Response:
        return Response(tenant_document(create_tenant(**CREATE.read(request))), status=201)


class TenantView(_PlatformView):
    """One tenant."""

    @extend_schema(tags=["tenants"], summary="Show a tenant", responses={200: TENANT})
    def get(self, request: Request, slug: str) -> Response:
        with platform_scope(PlatformWork.TENANT_DIRECTORY):
            tenant = Tenant.objects.filter(slug=slug).first()
            if tenant is None:
                raise unknown_tenant(slug)
        return Response(tenant_document(tenant))


class SuspendView(_PlatformView):
    """Closing a tenant."""

    @extend_schema(
        tags=["tenants"], summary="Close a tenant for everybody", responses={200: TENANT}, request=None
    )
    def post(self, request: Request, slug: str) -> Response:
        return Response(tenant_document(suspend_tenant(slug=slug)))


class ResumeView(_PlatformView):
    """Opening a tenant again."""

    @extend_schema(tags=["tenants"], summary="Open a tenant again", responses={200: TENANT}, request=None)
    def post(self, request: Request, slug: str) -> Response:
        return Response(tenant_document(resume_tenant(slug=slug)))
