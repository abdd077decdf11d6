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

import httpx

from plugin_host import http
from plugin_host.errors import PluginConfigError, PluginError

from .answers import read_answer
from .config import NetlifyConfig
from .states import State

TIMEOUT_SECONDS: Final = 20.0
_ADDRESS: Final = "https://api.netlify.com"
_HOOK: Final = re.compile(r"^https://[^/]+/build_hooks/([A-Za-z0-9]+)(?:\?.*)?$")
_STATES: Final = {
    **dict.fromkeys(("new", "pending_review", "accepted", "enqueued"), State.QUEUED),
    "ready": State.READY,
    "error": State.ERROR,
    "rejected": State.CANCELED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A deploy as Netlify tells of it.

    Args:
        id: Empty where it has taken a hook's request, which names no deploy.
    """

    id: str = ""
    state: State = State.STARTED
    url: str = ""
    details_url: str = ""
    error: str = ""
    title: str = ""
    created_at: datetime | None = None


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

    async def start(self, mark: str) -> Remote:
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
            answer = await self._send("POST", f"/build_hooks/{self.hook}", query=query, json={})
            read_answer(answer, by_hook=True)
            return Remote()
        query["title"] = title
        if self.config.branch:
            query["branch"] = self.config.branch
        build = await self._call("POST", f"{self._site}/builds", query=query)
        if not isinstance(build, dict) or not isinstance(build.get("deploy_id"), str):
            raise PluginError("Netlify answered something that is no build.", code="answer_unreadable")
        return Remote(id=build["deploy_id"][:100], created_at=_time(build.get("created_at")))

    async def find(self, mark: str) -> Remote | None:
        """Return the deploy with a mark, of the last 50."""
        found = await self._call("GET", f"{self._site}/deploys", query={"per_page": "50"})
        if not isinstance(found, list):
            raise PluginError(
                "Netlify answered something that is no list of deploys.", code="answer_unreadable"
            )
        deploys = [_remote(one) for one in found if isinstance(one, dict)]
        return next((one for one in deploys if one.title == _title(mark)), None)

    async def look_at(self, remote_id: str) -> Remote:
        """Return a deploy as it is now."""
        found = await self._call("GET", f"/api/v1/deploys/{quote(remote_id, safe='')}")
        return _remote(found if isinstance(found, dict) else {})

    async def check_site(self) -> str:
        """Return the site's name, as a token sees it."""
        found = await self._call("GET", self._site)
        return str(found.get("name") if isinstance(found, dict) else "") or self.config.site

    @property
    def _site(self) -> str:
        return f"/api/v1/sites/{quote(self.config.site, safe='')}"

    async def _call(self, method: str, path: str, *, query: dict[str, str] | None = None) -> Any:
        headers = {"authorization": f"Bearer {self.token}"}
        return read_answer(await self._send(method, path, query=query or {}, headers=headers))

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str],
        headers: dict[str, str] | None = None,
        json: Any = None,
    ) -> httpx.Response:
        address = http.service_url("netlify", _ADDRESS) + path
        sent = {"user-agent": "Tenantry-Netlify-Deployer/1.0", **(headers or {})}
        try:
            async with http.client(timeout=TIMEOUT_SECONDS, total_seconds=TIMEOUT_SECONDS) as client:
                return await client.request(method, address, params=query, headers=sent, json=json)
        except httpx.HTTPError as error:
            # Its text may name the address.
            raise PluginError(
                f"Netlify could not be reached, or its answer broke off ({type(error).__name__}).",
                code="service_unreachable",
            ) from None


def _title(mark: str) -> str:
    return f"Tenantry {mark}"


def _remote(document: Mapping[str, Any]) -> Remote:
    identity = document.get("id")
    if not isinstance(identity, str) or not identity:
        raise PluginError("Netlify answered something that is no deploy.", code="answer_unreadable")
    error = str(document.get("error_message") or "")[:1000]
    # One that is new here is still on its way, as far as anybody can say.
    state = _STATES.get(str(document.get("state") or ""), State.BUILDING)
    if state is State.ERROR and (error.lower().startswith("cancel") or document.get("skipped") is True):
        state = State.CANCELED
    admin = _link(document.get("admin_url"))
    return Remote(
        id=identity[:100],
        state=state,
        url=_link(document.get("deploy_ssl_url") or document.get("ssl_url")),
        details_url=_link(f"{admin}/deploys/{identity}") if admin else "",
        error=error,
        title=str(document.get("title") or ""),
        created_at=_time(document.get("created_at")),
    )


def _link(value: object) -> str:
    """Return an address to be shown as a link."""
    good = isinstance(value, str) and value.startswith("https://") and len(value) <= 400
    return str(value) if good else ""


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else None
