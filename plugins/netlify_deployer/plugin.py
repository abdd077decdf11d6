"""The plugin: what is Netlify's own; the rest is that of every deployer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plugin_host.base import Secrets
from plugin_host.deployments import DeploymentPlugin

from .client import NETLIFY, NetlifyClient
from .config import CONFIG_SCHEMA, SECRETS_SCHEMA, NetlifyConfig


class NetlifyDeployer(DeploymentPlugin):
    """Starts one deployment for many changes, and shows how it went."""

    name = "netlify-deployer"
    version = "1.0.0"
    author = "Tenantry"
    description = "Deploys a site at Netlify when its published content changes, and shows how that went."
    hosts = ["api.netlify.com"]
    requires_core = ">=1.0,<2"

    CONFIG_SCHEMA = CONFIG_SCHEMA
    SECRETS_SCHEMA = SECRETS_SCHEMA
    service = NETLIFY

    def deployment_service(self, config: Mapping[str, Any], secrets: Secrets) -> NetlifyClient:
        return NetlifyClient.of(
            NetlifyConfig.from_dict(config),
            build_hook=secrets.get("build_hook"),
            token=secrets.get("token"),
        )
