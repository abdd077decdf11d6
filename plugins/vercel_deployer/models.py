"""The plugin's tables; the indexes keep the names of its first release."""

from __future__ import annotations

from django.db import models

from plugin_host.deployments.models import DeploymentChange, DeploymentRecord


class Deployment(DeploymentRecord):
    class Meta(DeploymentRecord.Meta):
        indexes = [
            models.Index(fields=["tenant", "-asked_at"], name="plugin_vercel_deployer_asked"),
        ]


class Change(DeploymentChange):
    class Meta(DeploymentChange.Meta):
        indexes = [
            models.Index(
                fields=["tenant", "noted_at"],
                condition=models.Q(deployment=None),
                name="plugin_vercel_deployer_open",
            ),
        ]
