"""What each answer of a receiver means."""

from __future__ import annotations

import httpx
import pytest

from webhooks.answers import Answer, Meaning, read_answer, shown


def answer(status: int, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_answer(httpx.Response(status, headers=named))


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (200, Meaning.DELIVERED),
        (204, Meaning.DELIVERED),
        (301, Meaning.FAILED),
        (307, Meaning.FAILED),
        (400, Meaning.FAILED),
        (401, Meaning.REFUSED),
        (403, Meaning.REFUSED),
        (404, Meaning.FAILED),
        (409, Meaning.FAILED),
        (410, Meaning.GONE),
        (429, Meaning.SLOW_DOWN),
        (500, Meaning.FAILED),
        (503, Meaning.FAILED),
    ],
)
def test_status_says_what_is_meant(status: int, meaning: Meaning) -> None:
    assert answer(status).meaning is meaning


def test_overload_with_retry_after_is_slow_down() -> None:
    assert answer(503, retry_after="120") == Answer(
        meaning=Meaning.SLOW_DOWN, reason="answered 503", status=503, retry_after_seconds=120.0
    )


def test_a_redirect_is_a_failure_with_a_way_out() -> None:
    assert answer(302).reason == "answered 302, and redirects are not followed: write the final address"


def test_addresses_are_shown_without_their_keys() -> None:
    assert shown("https://user:pass@example.org:8443/hook?token=abc") == "https://example.org:8443/hook"
