"""The plugin's part of the API: `/api/v1/plugins/task-manager/tasks`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.db.models import QuerySet
from django.urls import URLPattern, path
from rest_framework import mixins, viewsets
from rest_framework.serializers import BaseSerializer, ModelSerializer

from plugin_host.auth import require_auth
from plugin_host.errors import PluginError

from .models import Task

if TYPE_CHECKING:
    from plugin_host.context import PluginContext

_MANY: Final[dict[str, Any]] = {"get": "list", "post": "create"}
_ONE: Final[dict[str, Any]] = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}


def urlpatterns(ctx: PluginContext) -> list[URLPattern]:
    """Return the routes. The views keep `ctx`, because settings are read when a request comes."""
    many, one = TaskViewSet.as_view(_MANY, plugin=ctx), TaskViewSet.as_view(_ONE, plugin=ctx)
    return [path("tasks", many, name="tasks"), path("tasks/<uuid:pk>", one, name="task")]


class TaskSerializer(ModelSerializer[Task]):
    class Meta:
        model = Task
        fields = ["id", "title", "completed", "record", "created_at"]
        read_only_fields = ["id", "created_at"]


class TaskViewSet(
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[Task],
):
    """The caller's own tasks."""

    serializer_class = TaskSerializer
    permission_classes = [require_auth]
    # A person has as many as `max_tasks_per_user` allows, so the list is the answer, as in the tutorial.
    pagination_class = None
    queryset = Task.objects.all()
    plugin: PluginContext = None  # type: ignore[assignment]  # `as_view` brings it

    def get_queryset(self) -> QuerySet[Task]:
        return Task.objects.filter(user=self.request.user.pk).order_by("-created_at", "-id")

    def perform_create(self, serializer: BaseSerializer[Task]) -> None:
        if self.request.user.pk is None:
            raise PluginError(
                "Tasks belong to people, and this key belongs to none: sign in, or use a personal key.",
                code="no_person",
            )
        limit = self.plugin.get_setting("max_tasks_per_user", default=100)
        if self.get_queryset().count() >= limit:
            raise PluginError(
                f"You have {limit} tasks, which is the limit: delete one first, or ask an administrator to raise it.",
                code="task_limit",
            )
        serializer.save(user_id=self.request.user.pk)
