"""One service's HTTP API: where it is, how long it may take, and what is said when it is not reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from plugin_host.errors import PluginError
from plugin_host.http.client import client
from plugin_host.http.services import service_url


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that a plugin calls.

    Args:
        name: By which the operator knows it, in `SERVICE_URLS`: `vercel`.
        title: What people know it as: `Vercel`.
        address: Where it is unless the operator says otherwise, with scheme and without a slash at the end.
        user_agent: What the plugin says it is; httpx's own where it is empty.
        timeout_seconds: For one request and its whole answer.
    """

    name: str
    title: str
    address: str
    user_agent: str = ""
    timeout_seconds: float = 20.0

    async def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Send a request and return the answer, whatever it is.

        Args:
            path: With a slash in front.
            arguments: As for `httpx.AsyncClient.request`: `params`, `headers`, `json`, `content` and so on.

        Raises:
            PluginError: It could not be reached. Neither the message nor the cause names address, path or headers,
                so they may be secrets.
        """
        headers = {
            **({"user-agent": self.user_agent} if self.user_agent else {}),
            **(arguments.pop("headers", None) or {}),
        }
        address, seconds = service_url(self.name, self.address) + path, self.timeout_seconds
        try:
            async with client(timeout=seconds, total_seconds=seconds) as opened:
                return await opened.request(method, address, headers=headers, **arguments)
        except httpx.HTTPError as error:
            # The request, with address and headers, hangs on httpx's error: it stays out of what is kept.
            raise PluginError(
                f"{self.title} could not be reached, or its answer broke off ({type(error).__name__}).",
                code="service_unreachable",
            ) from None
