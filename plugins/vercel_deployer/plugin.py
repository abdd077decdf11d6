"""The plugin: what is Vercel's own; the rest is that of every deployer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plugin_host.base import Secrets
from plugin_host.deployments import DeploymentPlugin

from .client import VERCEL, VercelClient
from .config import CONFIG_SCHEMA, SECRETS_SCHEMA, VercelConfig


class VercelDeployer(DeploymentPlugin):
    """Starts one deployment for many changes, and shows how it went."""

    name = "vercel-deployer"
    version = "1.0.0"
    author = "Tenantry"
    description = "Deploys a site at Vercel when its published content changes, and shows how that went."
    hosts = ["api.vercel.com"]
    requires_core = ">=1.0,<2"

    CONFIG_SCHEMA = CONFIG_SCHEMA
    SECRETS_SCHEMA = SECRETS_SCHEMA
    service = VERCEL

    def deployment_service(self, config: Mapping[str, Any], secrets: Secrets) -> VercelClient:
        return VercelClient.of(
            VercelConfig.from_dict(config),
            deploy_hook=secrets.get("deploy_hook"),
            token=secrets.get("token"),
        )
