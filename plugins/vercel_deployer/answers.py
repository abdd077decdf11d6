"""What an answer of Vercel means, as the kind of trouble that the host knows.

Source: https://vercel.com/docs/rest-api/errors and "Rate limits" of https://vercel.com/docs/rest-api.
"""

from __future__ import annotations

from typing import Any

import httpx

from plugin_host import http
from plugin_host.errors import PluginError


def read_answer(response: httpx.Response, *, by_hook: bool = False) -> dict[str, Any]:
    """Return the object that Vercel answered.

    Args:
        by_hook: Whether a deploy hook was called; its address is a secret, and the answer may repeat it.

    Raises:
        AuthFailed: The token is refused.
        NotReady: Too many requests; with the seconds until the limit is reset.
        PluginError: Permanent where somebody has to do something; everything else is tried again.
    """
    document = _document(response)
    status = response.status_code
    if response.is_success:
        if document is None:
            raise PluginError(
                f"Vercel answered {status} with something that is no JSON.", code="answer_unreadable"
            )
        return document
    said = f"Vercel answered {status}{_reason(document) if not by_hook else ''}."
    if status == 409:
        said += " The project is probably being moved to another team."
    raise http.trouble_of(
        response,
        said,
        advice=_advice_about_hook(status) if by_hook else _advice_about_api(status),
        refused=() if by_hook else (401, 403),
        passing=(408, 409, 425),
    )


def _advice_about_hook(status: int) -> str:
    if status in (401, 403, 404, 410):
        return (
            "The deploy hook is gone, or its address is wrong: make a new one at Vercel (the project's Settings, Git, "
            "Deploy Hooks) and save its address as the plugin's secret."
        )
    return "Look at the deploy hook in the project's settings at Vercel (Git, Deploy Hooks)."


def _advice_about_api(status: int) -> str:
    if status in (401, 403):
        return (
            "It refuses the access token: make one for the right team at Vercel (Account Settings, Tokens), save it "
            "as the plugin's secret, and set the team id where the project belongs to a team."
        )
    if status == 402:
        return "Something about the account's plan or payment has to be settled at Vercel."
    if status == 404:
        return "There is no such project or deployment: check the project and the team id in the settings."
    if 300 <= status < 400:
        return "Redirects are not followed: the operator has to correct SERVICE_URLS."
    return "Check the settings of the plugin and of the project at Vercel."


def _document(response: httpx.Response) -> dict[str, Any] | None:
    try:
        document = response.json()
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _reason(document: dict[str, Any] | None) -> str:
    error = (document or {}).get("error")
    message = error.get("message") if isinstance(error, dict) else None
    return f": {' '.join(message.split())[:300].rstrip('.')}" if isinstance(message, str) and message else ""
