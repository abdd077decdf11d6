#!/usr/bin/env python3
"""Receives webhooks on this machine, checks their signatures and prints them; needs nothing but Python.

python examples/webhook_listener.py 9001 whsec_YWNtZS1kZW1vLXNpZ25pbmcta2V5LTAwMDE=
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_AGE_SECONDS = 300


def is_genuine(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Say whether the message was signed with the secret, and lately."""
    message_id, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent_at.isdigit() or abs(time.time() - int(sent_at)) > MAX_AGE_SECONDS:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{sent_at}.".encode() + body, hashlib.sha256).digest()
    wanted = f"v1,{base64.b64encode(digest).decode()}"
    # There may be several signatures while a secret is being replaced.
    return any(hmac.compare_digest(wanted, given) for given in headers.get("webhook-signature", "").split())


class Listener(BaseHTTPRequestHandler):
    secret = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not is_genuine(self.secret, headers, body):
            print("refused: the signature does not fit", flush=True)
            self.send_response(401)
            self.end_headers()
            return
        message = json.loads(body)
        # A test message is about no record.
        record = message["data"].get("record") or {}
        about = f"{record.get('title')!r}  version {record.get('version')}  " if record else ""
        print(f"{message['type']}  {about}{headers['webhook-id']}", flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name in the base class
        """Print nothing: the messages say it."""


def main() -> int:
    if len(sys.argv) != 3 or not sys.argv[1].isdigit() or not sys.argv[2].startswith("whsec_"):
        print(f"Usage: {sys.argv[0]} PORT whsec_…", file=sys.stderr)
        return 2
    Listener.secret = sys.argv[2]
    port = int(sys.argv[1])
    print(f"Listening on http://127.0.0.1:{port}/", flush=True)
    try:
        ThreadingHTTPServer(("127.0.0.1", port), Listener).serve_forever()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
