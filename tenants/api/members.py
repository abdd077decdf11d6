"""`tenant/...`: the tenant itself, its members and hosts."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.actors import authorize
from core.api.bodies import FLAG, TEXT, Body, object_schema
from core.api.documents import page_schema
from core.api.pagination import PARAMETERS, page_of
from core.api.views import ApiView
from core.errors import NotFound
from core.scope import current_actor, require_tenant
from tenants.api.documents import (
    DOMAIN,
    MEMBER,
    TENANT,
    domain_document,
    member_document,
    tenant_document,
)
from tenants.models import Domain, Membership, Role, Tenant
from tenants.services.directory import add_domain, remove_domain, update_tenant
from tenants.services.members import add_member, change_role, member_with_id, remove_member

_ROLE: Final = {"type": "string", "enum": [*Role.values]}
ADD: Final = Body(object_schema({"email": TEXT, "role": _ROLE, "name": TEXT}, required=("email", "role")))
CHANGE: Final = Body(object_schema({"role": _ROLE}, required=("role",)))
PROFILE: Final = Body(object_schema({"name": TEXT, "time_zone": TEXT, "tagline": TEXT, "accent_color": TEXT}))
ADD_HOST: Final = Body(object_schema({"host": TEXT, "is_primary": FLAG}, required=("host",)))


class TenantView(ApiView):
    """The tenant's own profile."""

    @extend_schema(tags=["tenant"], summary="Show the tenant", responses={200: TENANT})
    def get(self, request: Request) -> Response:
        authorize(current_actor(), "tenant.read")
        return Response(tenant_document(Tenant.objects.get(pk=require_tenant().tenant_id or "")))

    @extend_schema(
        tags=["tenant"],
        summary="Change the tenant's profile",
        request=PROFILE.openapi,
        responses={200: TENANT},
    )
    def patch(self, request: Request) -> Response:
        return Response(tenant_document(update_tenant(changes=PROFILE.read(request))))


class MemberListView(ApiView):
    """All members; adding one."""

    query_parameters = {"GET": PARAMETERS}

    @extend_schema(tags=["tenant"], summary="List members", responses={200: page_schema(MEMBER)})
    def get(self, request: Request) -> Response:
        authorize(current_actor(), "member.read")
        page = page_of(
            Membership.objects.select_related("user"),
            request.query_params.dict(),
            sorts=("created_at", "role"),
            default="created_at",
        )
        return Response(page.document(member_document))

    @extend_schema(tags=["tenant"], summary="Add a member", request=ADD.openapi, responses={201: MEMBER})
    def post(self, request: Request) -> Response:
        return Response(member_document(add_member(**ADD.read(request))), status=201)


class MemberView(ApiView):
    """One member."""

    @extend_schema(tags=["tenant"], summary="Show a member", responses={200: MEMBER})
    def get(self, request: Request, member_id: UUID) -> Response:
        membership = member_with_id(member_id)
        authorize(current_actor(), "member.read")
        return Response(member_document(membership))

    @extend_schema(
        tags=["tenant"], summary="Give a member another role", request=CHANGE.openapi, responses={200: MEMBER}
    )
    def patch(self, request: Request, member_id: UUID) -> Response:
        member_with_id(member_id)
        return Response(member_document(change_role(member_id=member_id, **CHANGE.read(request))))

    @extend_schema(tags=["tenant"], summary="End a membership", responses={204: None})
    def delete(self, request: Request, member_id: UUID) -> Response:
        remove_member(member_id=member_id)
        return Response(status=204)


class HostListView(ApiView):
    """The hosts at which the tenant answers."""

    query_parameters = {"GET": PARAMETERS}

    @extend_schema(tags=["tenant"], summary="List hosts", responses={200: page_schema(DOMAIN)})
    def get(self, request: Request) -> Response:
        authorize(current_actor(), "tenant.read")
        page = page_of(
            Domain.objects.all(), request.query_params.dict(), sorts=("host", "created_at"), default="host"
        )
        return Response(page.document(domain_document))

    @extend_schema(tags=["tenant"], summary="Add a host", request=ADD_HOST.openapi, responses={201: DOMAIN})
    def post(self, request: Request) -> Response:
        return Response(domain_document(add_domain(**ADD_HOST.read(request))), status=201)


class HostView(ApiView):
    """One host."""

    @extend_schema(tags=["tenant"], summary="Take a host away", responses={204: None})
    def delete(self, request: Request, host: str) -> Response:
        if not Domain.objects.filter(host=host.lower()).exists():
            raise NotFound(f"There is no host {host!r}.", code="domain_not_found")
        remove_domain(host=host)
        return Response(status=204)
