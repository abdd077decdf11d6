"""What a deployer says about its service: how a deployment is started there, found again and looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from plugin_host.deployments.states import DeploymentState


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteDeployment:
    """A deployment, as the service tells of it.

    Args:
        id: The service's own; empty where it has taken a request and not named the deployment.
        state: `STARTED` where the service says nothing of it.
        url: What was deployed; shown where it is https and no longer than 400 characters.
        details_url: Its page at the service; shown likewise.
        error: Why it failed, for people.
        created_at: By the service's clock; None where it does not say.
    """

    id: str = ""
    state: DeploymentState = DeploymentState.STARTED
    url: str = ""
    details_url: str = ""
    error: str = ""
    created_at: datetime | None = None


class DeploymentService(Protocol):
    """One tenant's project at a service that deploys; made anew for each run, from configuration and secrets.

    What a method raises decides what becomes of the deployment: `NotReady(retry_after=…)` waits so long,
    `AuthFailed` and `PluginError(permanent=True)` wait for a person, every other `PluginError` is tried again.
    """

    @property
    def can_follow(self) -> bool:
        """Whether `find` and `look_at` can be asked; where they cannot, a deployment ends as `Started`."""

    async def start(self, mark: str) -> RemoteDeployment:
        """Start a deployment.

        Args:
            mark: To be written on it where the service allows that, so that `find` knows it again.
        """

    async def find(self, mark: str, *, since: datetime, known_ids: frozenset[str]) -> RemoteDeployment | None:
        """Return the deployment with a mark, or None; asked where it is not known whether `start` has come through.

        Args:
            since: It was not started before; for services that take no mark along.
            known_ids: Deployments of the service that belong to other starts.
        """

    async def look_at(self, remote_id: str) -> RemoteDeployment:
        """Return a deployment as it is now."""

    async def check(self) -> str:
        """Try what was configured, without deploying, and return what is well in one sentence."""
