"""The other side of plugins that call other services."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRequest:
    """One request that the peer got; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAnswer:
    """One answer that the peer gives."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class HttpPeer:
    """An HTTP server on a free port of 127.0.0.1 that notes what it gets and answers as it is told.

    http_peer.answer("/hook", 503, 204)     # the first time 503, then 204 for good
    http_peer.answer_by(function)           # whatever the function makes of each other request
    http_peer.url("/hook")
    http_peer.requests_to("/hook")
    """

    def __init__(self) -> None:
        self.requests: list[PeerRequest] = []
        self._answers: dict[str, list[PeerAnswer]] = {}
        self._for_all: PeerAnswer | None = None
        self._answering: Callable[[PeerRequest], PeerAnswer | None] | None = None
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler_class())
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="http-peer", daemon=True
        ).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def url(self, path: str = "/") -> str:
        """Return the address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def answer(self, path: str, *answers: int | PeerAnswer) -> str:
        """Give these answers at a path in turn, the last one from then on; return its address.

        A number is an answer with that status. A path that was told nothing answers 204.
        """
        with self._lock:
            self._answers[path] = [
                entry if isinstance(entry, PeerAnswer) else PeerAnswer(status=entry) for entry in answers
            ]
        return self.url(path)

    def answer_by(self, answering: Callable[[PeerRequest], PeerAnswer | None]) -> None:
        """Let a function answer where no answer was given for a path; where it returns None the answer is 204.

        It is called by the server's threads, one at a time, so it may keep what a service keeps.
        """
        with self._lock:
            self._answering = answering

    def answer_everything(self, answer: int | PeerAnswer | None) -> None:
        """Give one answer at every path, whatever was said before; with None each path's own ones again."""
        with self._lock:
            self._for_all = PeerAnswer(status=answer) if isinstance(answer, int) else answer

    def requests_to(self, path: str) -> list[PeerRequest]:
        """Return what came to a path, in order."""
        with self._lock:
            return [request for request in self.requests if request.path == path]

    def _take(self, request: PeerRequest) -> PeerAnswer:
        with self._lock:
            self.requests.append(request)
            if self._for_all is not None:
                return self._for_all
            if answers := self._answers.get(request.path):
                return answers.pop(0) if len(answers) > 1 else answers[0]
            made = self._answering(request) if self._answering is not None else None
            return made or PeerAnswer(status=204)

    def _handler_class(self) -> type[BaseHTTPRequestHandler]:
        take = self._take

        class Handler(BaseHTTPRequestHandler):
            def handle_one(self) -> None:
                body = self._read_body()
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = take(PeerRequest(method=self.command, path=self.path, headers=headers, body=body))
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.status not in (204, 304):
                    self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def _read_body(self) -> bytes:
                """Read to the end: what is left unread makes the system cut the connection, answer or not."""
                if self.headers.get("transfer-encoding", "").lower() != "chunked":
                    return self.rfile.read(int(self.headers.get("content-length") or 0))
                parts = []
                while size := int(self.rfile.readline().partition(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass  # trailers
                return b"".join(parts)

            # The base class looks methods up by these names.
            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_one  # noqa: N815

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name in the base class
                """Print nothing: tests look at `requests`."""

        return Handler
