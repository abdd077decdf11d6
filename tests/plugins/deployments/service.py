"""What the tests of all deployers have to know of a service."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from plugin_host.deployments.models import DeploymentChange, DeploymentRecord
from tests.plugins.deployments.peer import DeploymentPeer, Project

TOKEN: Final = "token-of-mine-0123456789"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service, its plugin and its peer.

    Args:
        project: The tenant's.
        hook_secret: Name of the secret that is the address of a hook.
        config_by_hook: With which deployments that a hook starts are followed, where there is a token.
        remote_id: Ids at the service, counted from 1; likewise `url` and `details_url`.
        mark: What a deployment has by which the plugin finds it again, from the id of its row.
        deployed_before: How many deployments there have to be before the API can start one.
        asks_before_starting: How many requests the API takes before the one that starts.
    """

    title: str
    name: str
    plugin_id: str
    peer: type[DeploymentPeer]
    project: Project
    hook_secret: str
    hook_address: str
    hook_noun: str
    project_setting: str
    project_noun: str
    config_by_hook: dict[str, Any]
    remote_id: str
    url: str
    details_url: str
    mark: Callable[[object], dict[str, Any]]
    deployed_before: int = 0
    asks_before_starting: int = 0

    @property
    def hook(self) -> str:
        """The part of a hook's address that is to be seen nowhere."""
        return self.hook_address.rpartition("/")[2]

    @property
    def secret_hook(self) -> dict[str, str]:
        return {self.hook_secret: self.hook_address}

    @property
    def deployments(self) -> type[DeploymentRecord]:
        found: type[DeploymentRecord] = self.module("models").Deployment
        return found

    @property
    def changes(self) -> type[DeploymentChange]:
        found: type[DeploymentChange] = self.module("models").Change
        return found

    def own_project(self) -> Project:
        """Return the tenant's project, for one test."""
        return deepcopy(self.project)

    def config_by_api(self, project_id: str = "") -> dict[str, Any]:
        return {"method": "api", self.project_setting: project_id or self.project.id}

    def module(self, name: str) -> Any:
        """Return a module of the plugin."""
        return import_module(f"{self.plugin_id.replace('-', '_')}.{name}")
