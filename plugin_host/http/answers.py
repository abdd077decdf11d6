"""What an answer of a service means for a plugin."""

from __future__ import annotations

import httpx

from plugin_host.errors import AuthFailed, NotReady, PluginError
from plugin_host.http.retrying import retry_after_seconds

_EXCERPT_CHARACTERS = 300


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
    status = response.status_code
    said = f"{service} answered {status} to {response.request.method} {response.request.url.path}{_excerpt(response)}"
    if status in (401, 403):
        raise AuthFailed(f"{said}. Check the credentials and what they may do.")
    wait = retry_after_seconds(response)
    if status == 429 or (status >= 500 and wait is not None):
        raise NotReady(f"{said}.", retry_after=wait)
    if status >= 500 or status in (408, 425):
        raise PluginError(f"{said}.", code="service_failed")
    if response.is_redirect:
        said += f", a redirect to {response.headers.get('location', 'nowhere')}, which is not followed"
    raise PluginError(f"{said}.", code="service_refused", permanent=True)


def _excerpt(response: httpx.Response) -> str:
    if not response.is_stream_consumed and not hasattr(response, "_content"):
        return ""
    text = " ".join(response.text.split())
    if not text or "<html" in text[:200].lower():
        return ""
    return f": {text[:_EXCERPT_CHARACTERS]}{'…' if len(text) > _EXCERPT_CHARACTERS else ''}"
