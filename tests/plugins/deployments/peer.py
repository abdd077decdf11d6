"""The server that plays a service, with a record of what came; each service says how it answers."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Fault = Callable[[Any], None]


@dataclass(kw_only=True)
class Project:
    """What is deployed at the service; whoever has its token may use it."""

    id: str
    name: str
    token: str
    team_id: str = ""
    hooks: set[str] = field(default_factory=set)


@dataclass(kw_only=True)
class Arrived:
    """A request, as it came."""

    method: str
    path: str
    query: dict[str, str]
    token: str
    body: Any


class DeploymentPeer(ABC):
    """Deployments go through `states`, one further each time that they are looked at.

    A state is `queued`, `building`, `ready`, `error: the reason`, or a word of the service's own.
    """

    def __init__(self) -> None:
        self.projects: list[Project] = []
        self.deployments: list[dict[str, Any]] = []
        self.arrived: list[Arrived] = []
        self.faults: list[Fault] = []
        self.states: list[str] = ["queued", "building", "ready"]
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.hanging = threading.Event()

    @contextmanager
    def serving(self) -> Iterator[None]:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield
        finally:
            self.hanging.set()
            self._server.shutdown()
            self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add(self, project: Project) -> Project:
        self.projects.append(project)
        return project

    def fail(self, *faults: Fault) -> None:
        """Let the next requests fail in these ways, in turn."""
        self.faults += faults

    def starts(self) -> list[Arrived]:
        """Return the requests that ask for a deployment."""
        return [one for one in self.arrived if one.method == "POST"]

    def usable(self, token: str) -> list[Project]:
        return [one for one in self.projects if one.token == token]

    def made(self, **document: Any) -> dict[str, Any]:
        """Keep a deployment, the newest first."""
        deployment = {"states": [*self.states], **document}
        self.deployments.insert(0, deployment)
        return deployment

    @abstractmethod
    def deploy(self, project: Project, **more: Any) -> dict[str, Any]:
        """Make a deployment; it is created now."""

    @abstractmethod
    def answer(self, request: Arrived) -> tuple[int, Any]:
        """Do what is asked; return the status, and a document or None."""

    @abstractmethod
    def error(self, code: int, message: str) -> dict[str, Any]:
        """Return how the service tells of an error."""


def step_on(deployment: dict[str, Any]) -> None:
    """Let a deployment come one state further."""
    if len(deployment["states"]) > 1:
        deployment["states"].pop(0)


# -- faults ------------------------------------------------------------------------------------------------------------


def status(code: int, **headers: str) -> Fault:
    """Answer with a status and an error document."""

    def answer(handler: Any) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        handler.send(code, json.dumps(handler.peer.error(code, f"It is a {code}")).encode(), **named)

    return answer


def rubbish(handler: Any) -> None:
    """Answer 200 with a page."""
    handler.send(200, b"<!doctype html><html>Sign in to the hotel</html>")


def cut(handler: Any) -> None:
    """Break off in the middle of a body."""
    handler.send_response(200)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"id": "')
    handler.close_connection = True


def lost(handler: Any) -> None:
    """Do what is asked, and break off before the answer."""
    handler.peer.answer(handler.arrived)
    handler.close_connection = True


def hang(handler: Any) -> None:
    """Answer nothing until the test ends."""
    handler.peer.hanging.wait(60)
    handler.close_connection = True


def well(handler: Any) -> None:
    """Answer as without a fault."""
    handler.answer_well()


def _handler(serving: DeploymentPeer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        peer = serving
        arrived: Arrived

        def handle_one(self) -> None:
            parts = urlsplit(self.path)
            text = self.rfile.read(int(self.headers.get("content-length") or 0))
            self.arrived = Arrived(
                method=self.command,
                path=parts.path,
                query=dict(parse_qsl(parts.query)),
                token=(self.headers.get("authorization") or "").removeprefix("Bearer "),
                body=json.loads(text) if text else None,
            )
            self.peer.arrived.append(self.arrived)
            if self.peer.faults:
                self.peer.faults.pop(0)(self)
            else:
                self.answer_well()

        def answer_well(self) -> None:
            code, document = self.peer.answer(self.arrived)
            body = b"" if document is None else json.dumps(document).encode()
            self.send(code, body, **{"content-type": "application/json"})

        def send(self, code: int, body: bytes, **headers: str) -> None:
            self.send_response(code)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = handle_one  # noqa: N815 - the base class looks methods up by these names

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name in the base class
            """Print nothing."""

    return Handler
