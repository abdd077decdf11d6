"""The listener of the tour checks signatures as receivers should."""

from __future__ import annotations

import runpy
import threading
import time
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
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


def test_a_test_message_is_taken_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = runpy.run_path(str(LISTENER))
    listener = names["Listener"]
    listener.secret = SECRET
    body = b'{"type":"ping","data":{"endpoint":"listener"}}'
    headers = signed_headers([SECRET], message_id="m-1", timestamp=int(time.time()), body=body)
    with ThreadingHTTPServer(("127.0.0.1", 0), listener) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        answer = httpx.post(f"http://127.0.0.1:{server.server_port}/", content=body, headers=headers)

    assert answer.status_code == 204
    assert capsys.readouterr().out == "ping  m-1\n"
