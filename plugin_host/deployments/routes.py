"""A deployer's part of the API: `/api/v1/plugins/<id>/deployments`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from django.db.models import QuerySet
from django.urls import URLPattern, path
from rest_framework import mixins, viewsets
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer

from plugin_host.auth import require_admin, require_auth
from plugin_host.deployments.history import History
from plugin_host.deployments.models import DeploymentChange, DeploymentRecord

if TYPE_CHECKING:
    from plugin_host.deployments.plugin import DeploymentPlugin

SHOWN: Final = 50
_CHANGE_FIELDS: Final = ["event", "content_id", "collection", "title", "noted_at"]
_DEPLOYMENT_FIELDS: Final = [
    "id",
    "state",
    "asked_at",
    "accepted_at",
    "finished_at",
    "remote_id",
    "url",
    "details_url",
    "error",
    "trouble",
    "next_try_at",
    "changes",
]


def deployment_routes(plugin: DeploymentPlugin) -> list[URLPattern]:
    """Return the routes of a deployer; its views and serializers are classes of its own, over its own tables."""
    history = History.of(plugin.name)

    class ChangeSerializer(ModelSerializer[DeploymentChange]):
        class Meta:
            model = history.changes
            fields = _CHANGE_FIELDS
            read_only_fields = fields

    class DeploymentSerializer(ModelSerializer[DeploymentRecord]):
        changes = ChangeSerializer(many=True, read_only=True)

        class Meta:
            model = history.deployments
            fields = _DEPLOYMENT_FIELDS
            read_only_fields = fields

    class DeploymentViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[DeploymentRecord]):
        """The last deployments; a POST of an administrator asks for one."""

        serializer_class = DeploymentSerializer
        pagination_class = None
        queryset = history.deployments.objects.all()

        def get_permissions(self) -> list[Any]:
            return [require_auth() if self.request.method in SAFE_METHODS else require_admin()]

        def get_queryset(self) -> QuerySet[DeploymentRecord]:
            return history.newest_first()[:SHOWN]

        def create(self, request: Request) -> Response:
            plugin.deploy_now(str(uuid4()))
            return Response(status=202)

    for own in (ChangeSerializer, DeploymentSerializer, DeploymentViewSet):
        # The OpenAPI document tells from it whose they are.
        own.__module__ = type(plugin).__module__
    methods: dict[str, Any] = {"get": "list", "post": "create"}
    return [path("deployments", DeploymentViewSet.as_view(methods), name="deployments")]
