"""Netlify, as the plugin uses it.

Source:
- https://docs.netlify.com/build/configure-builds/build-hooks/: `POST /build_hooks/{id}`, the address is the credential;
  `trigger_title`, `trigger_branch` and `clear_cache` in the query; nothing is said of the answer's body;
- https://open-api.netlify.com (https://github.com/netlify/open-api, swagger.yml): `POST /api/v1/sites/{site_id}/builds`
  with `title`, `branch`, `clear_cache` answers a build with its `deploy_id`; `GET /api/v1/deploys/{deploy_id}` and
  `GET /api/v1/sites/{site_id}/deploys?per_page=` answer deploys with `state`, `title`, `deploy_ssl_url`, `admin_url`,
  `error_message`; `GET /api/v1/sites/{site_id}`; errors are `{"code", "message"}`;
- https://docs.netlify.com/api-and-cli-guides/api-guides/get-started-with-api/: bearer token, `User-Agent`, the site's
  address in the place of its id; "Rate limiting": 500 requests a minute, 3 deploys a minute, `X-RateLimit-Limit`,
  `-Remaining`, `-Reset` in seconds since 1970.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from plugin_host import http
from plugin_host.deployments import DeploymentState, RemoteDeployment
from plugin_host.errors import PluginConfigError, PluginError

from .answers import read_answer
from .config import NetlifyConfig

NETLIFY: Final = http.Service(
    name="netlify",
    title="Netlify",
    address="https://api.netlify.com",
    user_agent="Tenantry-Netlify-Deployer/1.0",
)
_HOOK: Final = re.compile(r"^https://[^/]+/build_hooks/([A-Za-z0-9]+)(?:\?.*)?$")
_STATES: Final = {
    **dict.fromkeys(("new", "pending_review", "accepted", "enqueued"), DeploymentState.QUEUED),
    "ready": DeploymentState.READY,
    "error": DeploymentState.ERROR,
    "rejected": DeploymentState.CANCELED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NetlifyClient:
    """Starts, finds and follows the deploys of one site.

    Args:
        hook: Id of the build hook; empty where there is none. It is a secret.
        token: Empty where builds are only started, by a hook.
    """

    config: NetlifyConfig
    hook: str = ""
    token: str = ""

    @classmethod
    def of(cls, config: NetlifyConfig, *, build_hook: str, token: str) -> NetlifyClient:
        """Return the client for a tenant's configuration and secrets.

        Raises:
            PluginConfigError: Something is missing for the method that was chosen.
        """
        if config.method == "hook":
            parts = _HOOK.match(build_hook)
            if parts is None:
                raise PluginConfigError(
                    "The build hook is missing: make one at Netlify (Project configuration, Build & deploy, Build "
                    "hooks) and save its whole address as the plugin's secret, or choose the method api."
                )
            return cls(config=config, hook=parts[1], token=token)
        if not token or not config.site:
            missing = "the access token (a secret)" if not token else "the site (a setting)"
            raise PluginConfigError(
                f"For the method api {missing} is missing: save it, or choose the method hook."
            )
        return cls(config=config, token=token)

    @property
    def can_follow(self) -> bool:
        """Whether deploys can be found and asked for."""
        return bool(self.token and self.config.site)

    async def start(self, mark: str) -> RemoteDeployment:
        """Start a build.

        Args:
            mark: Becomes part of its title, so that it can be found again.

        Raises:
            PluginError: and its kinds, see `answers`.
        """
        title = _title(mark)
        query = {"clear_cache": "true"} if self.config.clear_cache else {}
        if self.hook:
            query["trigger_title"] = title
            if self.config.branch:
                query["trigger_branch"] = self.config.branch
            # The path is the credential: nothing that is said about the request may show it.
            answer = await NETLIFY.request("POST", f"/build_hooks/{self.hook}", params=query, json={})
            read_answer(answer, by_hook=True)
            return RemoteDeployment()
        query["title"] = title
        if self.config.branch:
            query["branch"] = self.config.branch
        build = await self._call("POST", f"{self._site}/builds", query=query)
        if not isinstance(build, dict) or not isinstance(build.get("deploy_id"), str):
            raise PluginError("Netlify answered something that is no build.", code="answer_unreadable")
        return RemoteDeployment(id=build["deploy_id"][:100], created_at=_time(build.get("created_at")))

    async def find(self, mark: str, *, since: datetime, known_ids: frozenset[str]) -> RemoteDeployment | None:
        """Return the deploy with a mark, of the last 50."""
        found = await self._call("GET", f"{self._site}/deploys", query={"per_page": "50"})
        if not isinstance(found, list):
            raise PluginError(
                "Netlify answered something that is no list of deploys.", code="answer_unreadable"
            )
        deploys = (one for one in found if isinstance(one, dict))
        return next((_remote(one) for one in deploys if one.get("title") == _title(mark)), None)

    async def look_at(self, remote_id: str) -> RemoteDeployment:
        """Return a deploy as it is now."""
        found = await self._call("GET", f"/api/v1/deploys/{quote(remote_id, safe='')}")
        return _remote(found if isinstance(found, dict) else {})

    async def check(self) -> str:
        """Ask for the site, where there is a token."""
        if not self.can_follow:
            return (
                "The address of the build hook is well-formed. Whether Netlify takes it shows at the next deployment, "
                "because asking would start one; without site and token deploys are not followed."
            )
        found = await self._call("GET", self._site)
        name = str(found.get("name") if isinstance(found, dict) else "") or self.config.site
        return f"Netlify knows the site {name} and accepts the token."

    @property
    def _site(self) -> str:
        return f"/api/v1/sites/{quote(self.config.site, safe='')}"

    async def _call(self, method: str, path: str, *, query: dict[str, str] | None = None) -> Any:
        headers = {"authorization": f"Bearer {self.token}"}
        return read_answer(await NETLIFY.request(method, path, params=query, headers=headers))


def _title(mark: str) -> str:
    return f"Tenantry {mark}"


def _remote(document: Mapping[str, Any]) -> RemoteDeployment:
    identity = document.get("id")
    if not isinstance(identity, str) or not identity:
        raise PluginError("Netlify answered something that is no deploy.", code="answer_unreadable")
    error = str(document.get("error_message") or "")
    # One that is new here is still on its way, as far as anybody can say.
    state = _STATES.get(str(document.get("state") or ""), DeploymentState.BUILDING)
    if state is DeploymentState.ERROR and (
        error.lower().startswith("cancel") or document.get("skipped") is True
    ):
        state = DeploymentState.CANCELED
    admin = _link(document.get("admin_url"))
    return RemoteDeployment(
        id=identity[:100],
        state=state,
        url=_link(document.get("deploy_ssl_url") or document.get("ssl_url")),
        details_url=_link(f"{admin}/deploys/{identity}") if admin else "",
        error=error,
        created_at=_time(document.get("created_at")),
    )


def _link(value: object) -> str:
    return value if isinstance(value, str) else ""


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else None
