"""The plugin's part of the API: `/api/v1/plugins/netlify-deployer/deployments`."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from django.db.models import QuerySet
from django.urls import URLPattern, path
from rest_framework import mixins, viewsets
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer

from plugin_host.auth import require_admin, require_auth

from .models import Change, Deployment
from .plugin import deploy_now

SHOWN: Final = 50


def urlpatterns() -> list[URLPattern]:
    """Return the routes."""
    methods: dict[str, Any] = {"get": "list", "post": "create"}
    return [path("deployments", DeploymentViewSet.as_view(methods), name="deployments")]


class ChangeSerializer(ModelSerializer[Change]):
    class Meta:
        model = Change
        fields = ["event", "content_id", "collection", "title", "noted_at"]
        read_only_fields = fields


class DeploymentSerializer(ModelSerializer[Deployment]):
    changes = ChangeSerializer(many=True, read_only=True)

    class Meta:
        model = Deployment
        fields = [
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
        read_only_fields = fields


class DeploymentViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Deployment]):
    """The last deployments; a POST of an administrator asks for one."""

    serializer_class = DeploymentSerializer
    pagination_class = None
    queryset = Deployment.objects.all()

    def get_permissions(self) -> list[Any]:
        return [require_auth() if self.request.method in SAFE_METHODS else require_admin()]

    def get_queryset(self) -> QuerySet[Deployment]:
        found = Deployment.objects.prefetch_related("changes").order_by("-asked_at", "-id")
        return found[:SHOWN]

    def create(self, request: Request) -> Response:
        deploy_now(str(uuid4()))
        return Response(status=202)
