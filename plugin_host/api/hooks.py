"""`admin/plugins/hooks`: every hook, and who handles it in which order."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.actors import authorize
from core.api.views import ApiView
from core.scope import current_actor, current_tenant_id
from plugin_host.api.hook_documents import HOOK_LIST, hook_document
from plugin_host.registry import loaded_plugins
from plugin_host.selectors.hooks import hooks_of_installation, hooks_of_tenant
from plugin_host.selectors.plugins import plugins_in_scope


class HooksView(ApiView):
    """The tenant's handlers or, for operators on the platform's host, those of all plugins."""

    needs_tenant = False
    query_parameters = {"GET": ("hook",)}

    @extend_schema(
        tags=["plugins"],
        summary="List the hooks with their handlers, in the order in which they run",
        parameters=[
            OpenApiParameter("hook", str, description="This one only, such as dvp_before_content_publish.")
        ],
        responses={200: HOOK_LIST},
    )
    def get(self, request: Request) -> Response:
        hook = request.query_params.get("hook")
        if current_tenant_id() is None:
            authorize(current_actor(), "installation.manage")
            found = hooks_of_installation(loaded_plugins(), hook=hook)
        else:
            authorize(current_actor(), "plugin.read")
            found = hooks_of_tenant(plugins_in_scope(), hook=hook)
        return Response({"data": [hook_document(one) for one in found]})
