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

import httpx

from plugin_host import http
from plugin_host.errors import PluginConfigError, PluginError

from .answers import read_answer
from .config import VercelConfig
from .states import State

TIMEOUT_SECONDS: Final = 20.0
MARK: Final = "tenantryDeployment"
_ADDRESS: Final = "https://api.vercel.com"
_HOOK: Final = re.compile(
    r"^https://[^/]+/v1/integrations/deploy/([A-Za-z0-9_-]+)/([A-Za-z0-9_-]+)(?:\?.*)?$"
)
_STATES: Final = {
    "QUEUED": State.QUEUED,
    "INITIALIZING": State.QUEUED,
    "BUILDING": State.BUILDING,
    "READY": State.READY,
    "ERROR": State.ERROR,
    "CANCELED": State.CANCELED,
    "DELETED": State.CANCELED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A deployment as Vercel tells of it.

    Args:
        id: Empty where it has taken a hook's request and not named the deployment.
        created_at: By its clock.
        marks: What the deployment says of where it comes from.
    """

    id: str = ""
    state: State = State.STARTED
    url: str = ""
    details_url: str = ""
    error: str = ""
    created_at: datetime | None = None
    marks: Mapping[str, Any]


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

    async def start(self, mark: str) -> Remote:
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

    async def find(self, mark: str, *, since: datetime, known: frozenset[str]) -> Remote | None:
        """Return the deployment with a mark; for a hook the first one of it since a time that is not known yet."""
        found = [_remote(one) for one in await self._list(limit=50)]
        if self.hook is None:
            return next((one for one in found if one.marks.get(MARK) == mark), None)
        own = [
            one
            for one in found
            if one.marks.get("deployHookId") == self.hook[1]
            and one.id not in known
            and one.created_at is not None
            and one.created_at >= since
        ]
        return min(own, key=lambda one: one.created_at or since, default=None)

    async def look_at(self, remote_id: str) -> Remote:
        """Return a deployment as it is now."""
        return _remote(await self._call("GET", f"/v13/deployments/{quote(remote_id, safe='')}"))

    async def check_project(self) -> str:
        """Return the project's name, as a token sees it."""
        answer = await self._call("GET", f"/v9/projects/{quote(self.project, safe='')}")
        return str(answer.get("name") or self.project)

    async def _start_by_hook(self, hook: tuple[str, str]) -> Remote:
        query = {"buildCache": "false"} if self.config.without_build_cache else {}
        # The path is the credential: nothing that is said about the request may show it.
        answer = await self._send("POST", f"/v1/integrations/deploy/{hook[0]}/{hook[1]}", query=query)
        job = read_answer(answer, by_hook=True).get("job")
        if not isinstance(job, dict):
            raise PluginError(
                "Vercel took the deploy hook, but its answer names no job.", code="answer_unreadable"
            )
        return Remote(created_at=_time(job.get("createdAt")), marks={})

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
        return read_answer(await self._send(method, path, query=query, headers=headers, json=json))

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str],
        headers: dict[str, str] | None = None,
        json: Any = None,
    ) -> httpx.Response:
        address = http.service_url("vercel", _ADDRESS) + path
        sent = {"user-agent": "Tenantry-Vercel-Deployer/1.0", **(headers or {})}
        try:
            async with http.client(timeout=TIMEOUT_SECONDS, total_seconds=TIMEOUT_SECONDS) as client:
                return await client.request(method, address, params=query, headers=sent, json=json)
        except httpx.HTTPError as error:
            # Its text may name the address.
            raise PluginError(
                f"Vercel could not be reached, or its answer broke off ({type(error).__name__}).",
                code="service_unreachable",
            ) from None


def _remote(document: Mapping[str, Any]) -> Remote:
    state = str(document.get("readyState") or document.get("state") or "")
    marks = document.get("meta")
    identity = document.get("id") or document.get("uid")
    if not isinstance(identity, str) or not identity:
        raise PluginError("Vercel answered something that is no deployment.", code="answer_unreadable")
    return Remote(
        id=identity[:100],
        # One that is new here is still on its way, as far as anybody can say.
        state=_STATES.get(state, State.BUILDING),
        url=_link(document.get("url")),
        details_url=_link(document.get("inspectorUrl")),
        error=str(document.get("errorMessage") or "")[:1000],
        created_at=_time(document.get("created") or document.get("createdAt")),
        marks=marks if isinstance(marks, dict) else {},
    )


def _link(value: object) -> str:
    """Return an address to be shown as a link; Vercel leaves the scheme of a deployment's own away."""
    if not isinstance(value, str) or not value:
        return ""
    address = value if "://" in value else f"https://{value}"
    return address if address.startswith("https://") and len(address) <= 400 else ""


def _time(milliseconds: object) -> datetime | None:
    if isinstance(milliseconds, int | float) and 0 < milliseconds < 1e14:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    return None
