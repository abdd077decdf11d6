from __future__ import annotations

import httpx
import pytest

from plugin_host import http
from plugin_host.errors import AuthFailed, NotReady, PluginError

REQUEST = httpx.Request("POST", "https://api.example.com/v1/things?token=hidden")


def answer(status: int, text: str = "", **headers: str) -> httpx.Response:
    return httpx.Response(status, text=text, headers=headers, request=REQUEST)


def test_success_is_returned() -> None:
    fine = answer(201)

    assert http.require_success(fine, "Example") is fine


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_told_apart(status: int) -> None:
    with pytest.raises(AuthFailed, match=f"Example answered {status} to POST /v1/things: no such token"):
        http.require_success(answer(status, "no such\n token"), "Example")


@pytest.mark.parametrize(("status", "wait"), [(429, "30"), (503, "30"), (429, "")])
def test_who_asks_for_patience_is_not_ready(status: int, wait: str) -> None:
    with pytest.raises(NotReady) as caught:
        http.require_success(answer(status, **{"Retry-After": wait}), "Example")

    assert caught.value.retry_after == (float(wait) if wait else None)


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(500, False), (502, False), (408, False), (404, True), (409, True), (301, True)],
)
def test_what_is_worth_another_try_is_said(status: int, permanent: bool) -> None:
    with pytest.raises(PluginError) as caught:
        http.require_success(answer(status, location="https://elsewhere.example"), "Example")

    assert caught.value.permanent is permanent


def test_neither_query_nor_pages_nor_long_texts_are_repeated() -> None:
    with pytest.raises(PluginError) as page:
        http.require_success(answer(500, "<!doctype html><html>" + "x" * 1000), "Example")
    with pytest.raises(PluginError) as long:
        http.require_success(answer(500, "y" * 1000), "Example")

    assert page.value.message == "Example answered 500 to POST /v1/things."
    assert len(long.value.message) < 400
    assert "hidden" not in page.value.message + long.value.message


@pytest.mark.parametrize(
    ("status", "headers", "kind", "message", "permanent"),
    [
        (403, {}, AuthFailed, "No. Renew it.", True),
        (404, {}, PluginError, "No. Renew it.", True),
        (409, {}, PluginError, "No.", False),
        (409, {"Retry-After": "30"}, NotReady, "No.", False),
        (500, {}, PluginError, "No.", False),
        (429, {}, NotReady, "No.", False),
    ],
)
def test_a_plugin_says_in_its_own_words_what_an_answer_means(
    status: int, headers: dict[str, str], kind: type[PluginError], message: str, permanent: bool
) -> None:
    trouble = http.trouble_of(answer(status, **headers), "No.", advice="Renew it.", passing=(408, 409))

    assert (type(trouble), trouble.message, trouble.permanent) == (kind, message, permanent)


def test_where_no_credentials_were_sent_none_are_refused() -> None:
    trouble = http.trouble_of(answer(401), "No.", advice="Make a new one.", refused=())

    assert (type(trouble), trouble.message, trouble.permanent) == (PluginError, "No. Make a new one.", True)
