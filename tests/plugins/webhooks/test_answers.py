"""What each answer of a receiver does to the delivery."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from plugin_host.errors import AuthFailed, NotReady, PluginError
from webhooks.answers import Answer, Meaning, raise_for, read_answer, shown, unanswered

URL = "https://example.org/hook"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def answer(status: int, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_answer(URL, status, named, now=NOW)


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
        url=URL, meaning=Meaning.SLOW_DOWN, reason="answered 503", retry_after_seconds=120.0
    )


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("Thu, 01 Jan 2026 12:05:00 GMT", 300.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("999999999", 86_400.0),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert answer(429, retry_after=header).retry_after_seconds == seconds


def test_all_delivered_raises_nothing() -> None:
    raise_for([answer(200), answer(202)])


def test_a_failure_asks_for_another_try() -> None:
    with pytest.raises(PluginError) as caught:
        raise_for([answer(200), answer(500), answer(410)])

    assert (caught.value.code, caught.value.permanent) == ("webhook_failed", False)
    assert str(caught.value) == (
        "2 of 3 addresses did not take the message: "
        "https://example.org/hook answered 500; https://example.org/hook answered 410."
    )


def test_slow_down_waits_for_the_slowest() -> None:
    with pytest.raises(NotReady) as caught:
        raise_for([answer(429, retry_after="10"), answer(429, retry_after="60"), answer(429)])

    assert caught.value.retry_after == 60.0


def test_refused_credentials_are_said() -> None:
    with pytest.raises(AuthFailed, match=r"answered 401\. Check the address"):
        raise_for([answer(401)])


def test_gone_ends_the_tries() -> None:
    with pytest.raises(PluginError, match="take the address out of the configuration") as caught:
        raise_for([answer(200), answer(410)])

    assert caught.value.permanent


def test_a_redirect_is_a_failure_with_a_way_out() -> None:
    with pytest.raises(PluginError, match="answered 302, and redirects are not followed"):
        raise_for([answer(302)])


def test_messages_show_no_keys_of_an_address() -> None:
    url = "https://user:pass@example.org:8443/hook?token=abc"

    assert shown(url) == "https://example.org:8443/hook"
    with pytest.raises(PluginError) as caught:
        raise_for([unanswered(url, "did not answer within 20 seconds")])
    assert str(caught.value) == "https://example.org:8443/hook did not answer within 20 seconds."
