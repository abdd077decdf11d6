"""What an answer of Netlify means, as the kind of trouble that the host knows.

Source: `error` in https://github.com/netlify/open-api (swagger.yml), and "Rate limiting" of
https://docs.netlify.com/api-and-cli-guides/api-guides/get-started-with-api/.
"""

from __future__ import annotations

from typing import Any

import httpx

from plugin_host import http
from plugin_host.errors import PluginError


def read_answer(response: httpx.Response, *, by_hook: bool = False) -> Any:
    """Return what Netlify answered, read as JSON; a build hook answers nothing that is read.

    Args:
        by_hook: Whether a build hook was called; its address is a secret, and the answer may repeat it.

    Raises:
        AuthFailed: The token is refused.
        NotReady: Too many requests; with the seconds until the limit is reset.
        PluginError: Permanent where somebody has to do something; everything else is tried again.
    """
    if response.is_success:
        return _taken(response) if by_hook else _document(response)
    status = response.status_code
    raise http.trouble_of(
        response,
        f"Netlify answered {status}{_reason(response) if not by_hook else ''}.",
        advice=_advice_about_hook(status) if by_hook else _advice_about_api(status),
        refused=() if by_hook else (401, 403),
        passing=(408, 409, 425),
    )


def _taken(response: httpx.Response) -> None:
    if "<html" in response.text[:1000].lower():
        raise PluginError(
            "Something between here and Netlify answered with a page: the build hook was not reached.",
            code="answer_unreadable",
        )


def _document(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        said = f"Netlify answered {response.status_code} with something that is no JSON."
        raise PluginError(said, code="answer_unreadable") from None


def _advice_about_hook(status: int) -> str:
    if status in (401, 403, 404, 410):
        return (
            "The build hook is gone, or its address is wrong: make a new one at Netlify (Project configuration, "
            "Build & deploy, Build hooks) and save its address as the plugin's secret."
        )
    return "Look at the build hook, and whether builds are active, in the project's configuration at Netlify."


def _advice_about_api(status: int) -> str:
    if status in (401, 403):
        return (
            "It refuses the access token: make one at Netlify (User settings, Applications, Personal access "
            "tokens), in an account that may use the site, and save it as the plugin's secret."
        )
    if status == 402:
        return "Something about the account's plan or payment has to be settled at Netlify."
    if status == 404:
        return "There is no such site or deploy: check the site in the settings, and whose token it is."
    if 300 <= status < 400:
        return "Redirects are not followed: the operator has to correct SERVICE_URLS."
    return "Check the plugin's settings, and at Netlify whether the site's builds are active."


def _reason(response: httpx.Response) -> str:
    try:
        document = response.json()
    except ValueError:
        return ""
    message = document.get("message") if isinstance(document, dict) else None
    return f": {' '.join(message.split())[:300].rstrip('.')}" if isinstance(message, str) and message else ""
