"""The listener of the tour checks signatures as receivers should."""

from __future__ import annotations

import runpy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from webhooks.signing import signed_headers

LISTENER = Path(__file__).resolve().parents[3] / "examples/webhook_listener.py"
SECRET = "whsec_YWNtZS1kZW1vLXNpZ25pbmcta2V5LTAwMDE="
BODY = b'{"type":"record.published"}'


@pytest.fixture(scope="module")
def is_genuine() -> Callable[..., bool]:
    names: dict[str, Any] = runpy.run_path(str(LISTENER))
    found: Callable[..., bool] = names["is_genuine"]
    return found


@pytest.mark.parametrize(
    ("secret", "age_seconds", "body", "accepted"),
    [
        (SECRET, 0, BODY, True),
        ("whsec_b3RoZXItZGVtby1zaWduaW5nLWtleS0wMDE=", 0, BODY, False),
        (SECRET, 600, BODY, False),
        (SECRET, 0, b"{}", False),
    ],
)
def test_it_takes_genuine_messages_only(
    is_genuine: Callable[..., bool], secret: str, age_seconds: int, body: bytes, accepted: bool
) -> None:
    sent_at = int(time.time()) - age_seconds
    headers = signed_headers([secret], message_id="m", timestamp=sent_at, body=BODY)

    assert is_genuine(SECRET, headers, body) is accepted


def test_a_message_without_signature_is_refused(is_genuine: Callable[..., bool]) -> None:
    assert not is_genuine(SECRET, {}, BODY)
