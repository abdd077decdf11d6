"""What an answer of a service means for a plugin."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import httpx

from plugin_host.errors import AuthFailed, NotReady, PluginError
from plugin_host.http.retrying import retry_after_seconds

_EXCERPT_CHARACTERS: Final = 300
_REFUSED: Final = (401, 403)
_PASSING: Final = (408, 425)


def require_success(response: httpx.Response, service: str) -> httpx.Response:
    """Return a 2xx answer; turn any other one into the kind of trouble that it is.

    Args:
        service: What people know it as: `Vercel`.

    Raises:
        AuthFailed: 401 or 403: the credentials are wrong or not enough. Not tried again.
        NotReady: 429, or a 5xx with `Retry-After`: tried again when the service says.
        PluginError: 5xx and 408: tried again. Every other status: permanent, the request itself is wrong.
    """
    if response.is_success:
        return response
    request = response.request
    said = f"{service} answered {response.status_code} to {request.method} {request.url.path}{_excerpt(response)}"
    if response.is_redirect:
        said += f", a redirect to {response.headers.get('location', 'nowhere')}, which is not followed"
    advice = "Check the credentials and what they may do." if response.status_code in _REFUSED else ""
    raise trouble_of(response, f"{said}.", advice=advice)


def trouble_of(
    response: httpx.Response,
    said: str,
    *,
    advice: str = "",
    refused: Collection[int] = _REFUSED,
    passing: Collection[int] = _PASSING,
) -> PluginError:
    """Return what an answer that is no success means, in words of one's own; `require_success` has its own.

    Args:
        said: The first sentence: who answered what.
        advice: What a person has to do; said where the trouble does not pass by itself.
        refused: Statuses that mean wrong credentials, `AuthFailed`.
        passing: Statuses below 500 that are worth another try.
    """
    status, wait = response.status_code, retry_after_seconds(response)
    if status == 429:
        return NotReady(said, retry_after=wait)
    if status >= 500 or status in passing:
        return PluginError(said, code="service_failed") if wait is None else NotReady(said, retry_after=wait)
    said = f"{said} {advice}".strip()
    if status in refused:
        return AuthFailed(said)
    return PluginError(said, code="service_refused", permanent=True)


def _excerpt(response: httpx.Response) -> str:
    if not response.is_stream_consumed and not hasattr(response, "_content"):
        return ""
    text = " ".join(response.text.split())
    if not text or "<html" in text[:200].lower():
        return ""
    return f": {text[:_EXCERPT_CHARACTERS]}{'…' if len(text) > _EXCERPT_CHARACTERS else ''}"
