"""The plugin's table, `plugin_task_manager_task`."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from plugin_host.models import PluginModel, TenantRelation

TITLE_MAX_LENGTH = 255


class Task(PluginModel):
    """Something that a person has to do; it goes with the record that it is about."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    record = TenantRelation("core.Record", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    title = models.CharField(max_length=TITLE_MAX_LENGTH)
    completed = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(PluginModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "user", "-created_at"], name="plugin_task_manager_user_idx"),
        ]

    def __str__(self) -> str:
        return self.title
