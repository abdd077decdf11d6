"""Vercel, as the plugin uses it.

Source, all below https://vercel.com/docs:
- deployments/deploy-hooks: `POST /v1/integrations/deploy/{project}/{hook}`, the address is the credential, the answer
  is `{"job": {"id", "state", "createdAt"}}`, `?buildCache=false` builds without cache;
- rest-api/deployments/create-a-new-deployment: `POST /v13/deployments` with `name`, `project`, `target`, `meta`; with
  `deploymentId` an earlier one is repeated, with `withLatestCommit` from the newest commit; `forceNew=1`; 409 while the
  project is being transferred;
- rest-api/deployments/get-a-deployment-by-id-or-url: `GET /v13/deployments/{id}` with `readyState`, `url`,
  `inspectorUrl`, `errorMessage`;
- rest-api/deployments/list-deployments: `GET /v6/deployments?projectId=`, newest first, with `uid`, `created`, `meta`;
- rest-api/projects/find-a-project-by-id-or-name: `GET /v9/projects/{idOrName}`;
- rest-api, "Authentication" (bearer token, `teamId`) and "Rate limits" (`X-RateLimit-Limit`, `-Remaining`, `-Reset` in
  seconds since 1970); rest-api/errors: `{"error": {"code", "message", "limit": {"reset"}}}`.

What a deployment's `meta` says of the hook that started it (`deployHookId`) is not in the documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from plugin_host import http
from plugin_host.deployments import DeploymentState, RemoteDeployment
from plugin_host.errors import PluginConfigError, PluginError

from .answers import read_answer
from .config import VercelConfig

VERCEL: Final = http.Service(
    name="vercel",
    title="Vercel",
    address="https://api.vercel.com",
    user_agent="Tenantry-Vercel-Deployer/1.0",
)
MARK: Final = "tenantryDeployment"
_HOOK: Final = re.compile(
    r"^https://[^/]+/v1/integrations/deploy/([A-Za-z0-9_-]+)/([A-Za-z0-9_-]+)(?:\?.*)?$"
)
_STATES: Final = {
    "QUEUED": DeploymentState.QUEUED,
    "INITIALIZING": DeploymentState.QUEUED,
    "BUILDING": DeploymentState.BUILDING,
    "READY": DeploymentState.READY,
    "ERROR": DeploymentState.ERROR,
    "CANCELED": DeploymentState.CANCELED,
    "DELETED": DeploymentState.CANCELED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VercelClient:
    """Starts, finds and follows the deployments of one project.

    Args:
        project: Name or id; a hook's address brings it along.
        hook: Project and id in the address of the deploy hook, where there is one. It is a secret.
        token: Empty where deployments are only started, by a hook.
    """

    config: VercelConfig
    project: str
    hook: tuple[str, str] | None = None
    token: str = ""

    @classmethod
    def of(cls, config: VercelConfig, *, deploy_hook: str, token: str) -> VercelClient:
        """Return the client for a tenant's configuration and secrets.

        Raises:
            PluginConfigError: Something is missing for the method that was chosen.
        """
        if config.method == "hook":
            parts = _HOOK.match(deploy_hook)
            if parts is None:
                raise PluginConfigError(
                    "The deploy hook is missing: make one at Vercel (the project's Settings, Git, Deploy Hooks) and "
                    "save its whole address as the plugin's secret, or choose the method api.",
                )
            return cls(
                config=config, project=config.project or parts[1], hook=(parts[1], parts[2]), token=token
            )
        if not token or not config.project:
            missing = "the access token (a secret)" if not token else "the project (a setting)"
            raise PluginConfigError(
                f"For the method api {missing} is missing: save it, or choose the method hook."
            )
        return cls(config=config, project=config.project, token=token)

    @property
    def can_follow(self) -> bool:
        """Whether deployments can be found and asked for."""
        return bool(self.token)

    async def start(self, mark: str) -> RemoteDeployment:
        """Start a deployment.

        Args:
            mark: Is written on it, so that it can be found again; a hook cannot take it along.

        Raises:
            PluginError: and its kinds, see `answers`.
        """
        if self.hook is not None:
            return await self._start_by_hook(self.hook)
        last = await self._list(limit=1, target=self.config.target, state="READY")
        if not last:
            raise PluginError(
                f"Project {self.project} has no finished {self.config.target} deployment that could be repeated: "
                "deploy it once at Vercel, or use a deploy hook.",
                code="nothing_to_repeat",
                permanent=True,
            )
        body = {
            "name": last[0].get("name") or self.project,
            "project": self.project,
            "deploymentId": last[0].get("uid"),
            "withLatestCommit": True,
            "meta": {MARK: mark},
        }
        if self.config.target == "production":
            body["target"] = "production"
        return _remote(await self._call("POST", "/v13/deployments", json=body, forceNew="1"))

    async def find(self, mark: str, *, since: datetime, known_ids: frozenset[str]) -> RemoteDeployment | None:
        """Return the deployment with a mark; for a hook the first one of it since a time that is not known yet."""
        listed = [(_remote(one), _marks(one)) for one in await self._list(limit=50)]
        if self.hook is None:
            return next((found for found, marks in listed if marks.get(MARK) == mark), None)
        own = [
            found
            for found, marks in listed
            if marks.get("deployHookId") == self.hook[1]
            and found.id not in known_ids
            and found.created_at is not None
            and found.created_at >= since
        ]
        return min(own, key=lambda one: one.created_at or since, default=None)

    async def look_at(self, remote_id: str) -> RemoteDeployment:
        """Return a deployment as it is now."""
        return _remote(await self._call("GET", f"/v13/deployments/{quote(remote_id, safe='')}"))

    async def check(self) -> str:
        """Ask for the project, where there is a token."""
        if not self.can_follow:
            return (
                "The address of the deploy hook is well-formed. Whether Vercel takes it shows at the next deployment, "
                "because asking would start one; without a token deployments are not followed."
            )
        answer = await self._call("GET", f"/v9/projects/{quote(self.project, safe='')}")
        return f"Vercel knows the project {answer.get('name') or self.project} and accepts the token."

    async def _start_by_hook(self, hook: tuple[str, str]) -> RemoteDeployment:
        query = {"buildCache": "false"} if self.config.without_build_cache else {}
        # The path is the credential: nothing that is said about the request may show it.
        path = f"/v1/integrations/deploy/{hook[0]}/{hook[1]}"
        answer = await VERCEL.request("POST", path, params=query)
        job = read_answer(answer, by_hook=True).get("job")
        if not isinstance(job, dict):
            raise PluginError(
                "Vercel took the deploy hook, but its answer names no job.", code="answer_unreadable"
            )
        return RemoteDeployment(created_at=_time(job.get("createdAt")))

    async def _list(self, *, limit: int, **query: str) -> list[dict[str, Any]]:
        answer = await self._call("GET", "/v6/deployments", projectId=self.project, limit=str(limit), **query)
        found = answer.get("deployments")
        if not isinstance(found, list):
            raise PluginError(
                "Vercel answered something that is no list of deployments.", code="answer_unreadable"
            )
        return [one for one in found if isinstance(one, dict)]

    async def _call(self, method: str, path: str, *, json: Any = None, **query: str) -> dict[str, Any]:
        if self.config.team_id:
            query["teamId"] = self.config.team_id
        headers = {"authorization": f"Bearer {self.token}"}
        return read_answer(await VERCEL.request(method, path, params=query, headers=headers, json=json))


def _remote(document: Mapping[str, Any]) -> RemoteDeployment:
    state = str(document.get("readyState") or document.get("state") or "")
    identity = document.get("id") or document.get("uid")
    if not isinstance(identity, str) or not identity:
        raise PluginError("Vercel answered something that is no deployment.", code="answer_unreadable")
    return RemoteDeployment(
        id=identity[:100],
        # One that is new here is still on its way, as far as anybody can say.
        state=_STATES.get(state, DeploymentState.BUILDING),
        url=_link(document.get("url")),
        details_url=_link(document.get("inspectorUrl")),
        error=str(document.get("errorMessage") or ""),
        created_at=_time(document.get("created") or document.get("createdAt")),
    )


def _marks(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a deployment says of where it comes from."""
    marks = document.get("meta")
    return marks if isinstance(marks, dict) else {}


def _link(value: object) -> str:
    """Return an address; Vercel leaves the scheme of a deployment's own away."""
    if not isinstance(value, str) or not value:
        return ""
    return value if "://" in value else f"https://{value}"


def _time(milliseconds: object) -> datetime | None:
    if isinstance(milliseconds, int | float) and 0 < milliseconds < 1e14:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    return None
