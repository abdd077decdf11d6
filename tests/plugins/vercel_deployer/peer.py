"""A server that behaves as Vercel's API is documented, with a record of what came."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

Fault = Callable[[BaseHTTPRequestHandler], None]
HOOKS: Final = "/v1/integrations/deploy/"


@dataclass(kw_only=True)
class Project:
    """A project; whoever has one of `tokens` may use it."""

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


class VercelPeer:
    """Deployments go through `states`, one further each time that they are looked at."""

    def __init__(self) -> None:
        self.projects: list[Project] = []
        self.deployments: list[dict[str, Any]] = []
        self.arrived: list[Arrived] = []
        self.faults: list[Fault] = []
        self.states: list[str] = ["QUEUED", "BUILDING", "READY"]
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.hanging = threading.Event()

    @contextmanager
    def serving(self) -> Iterator[VercelPeer]:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield self
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

    def deploy(self, project: Project, **more: Any) -> dict[str, Any]:
        """Make a deployment; it is created now."""
        made = {
            "uid": f"dpl_{len(self.deployments) + 1}",
            "name": project.name,
            "url": f"{project.name}-{len(self.deployments) + 1}.vercel.app",
            "inspectorUrl": f"https://vercel.com/acme/{project.name}/{len(self.deployments) + 1}",
            "created": int(time.time() * 1000),
            "target": "production",
            "meta": {},
            "projectId": project.id,
            "states": list(self.states),
            **more,
        }
        self.deployments.insert(0, made)
        return made

    # -- what it answers -----------------------------------------------------------------------------------------------

    def answer(self, request: Arrived) -> tuple[int, Any]:
        if request.path.startswith(HOOKS):
            return self._hook(*request.path.removeprefix(HOOKS).split("/"))
        usable = [one for one in self.projects if one.token == request.token]
        if not usable:
            return 403, _error("forbidden", "Not authorized")
        usable = [one for one in usable if one.team_id == request.query.get("teamId", "")]
        match request.path.strip("/").split("/"):
            case ["v6", "deployments"]:
                return self._listed(usable, request.query)
            case ["v13", "deployments"] if request.method == "POST":
                return self._created(usable, request.body)
            case ["v13", "deployments", identity]:
                return self._looked_at(usable, identity)
            case ["v9", "projects", name]:
                found = _named(usable, name)
                return (200, {"id": found.id, "name": found.name}) if found else _missing("project")
        return _missing("page")

    def _hook(self, project_id: str, hook: str) -> tuple[int, Any]:
        found = next((one for one in self.projects if one.id == project_id and hook in one.hooks), None)
        if found is None:
            return _missing(f"deploy hook {hook}")
        self.deploy(found, meta={"deployHookId": hook, "deployHookName": "cms"})
        job = {"id": "okzCd50AIap1O31g0gne", "state": "PENDING", "createdAt": int(time.time() * 1000)}
        return 201, {"job": job}

    def _listed(self, usable: list[Project], query: dict[str, str]) -> tuple[int, Any]:
        found = _named(usable, query["projectId"])
        if found is None:
            return _missing("project")
        listed = [one for one in self.deployments if one["projectId"] == found.id]
        if "state" in query:
            listed = [one for one in listed if one["states"][0] == query["state"]]
        if "target" in query:
            listed = [one for one in listed if one["target"] == query["target"]]
        return 200, {"deployments": [_shown(one) for one in listed[: int(query["limit"])]], "pagination": {}}

    def _created(self, usable: list[Project], body: dict[str, Any]) -> tuple[int, Any]:
        found = _named(usable, body["project"])
        if found is None:
            return _missing("project")
        if body["deploymentId"] not in [one["uid"] for one in self.deployments]:
            return _missing("deployment")
        made = self.deploy(found, meta=body["meta"], target=body.get("target", "preview"))
        return 200, _shown(made, key="id")

    def _looked_at(self, usable: list[Project], identity: str) -> tuple[int, Any]:
        for one in self.deployments:
            if one["uid"] == identity and any(project.id == one["projectId"] for project in usable):
                if len(one["states"]) > 1:
                    one["states"].pop(0)
                return 200, _shown(one, key="id")
        return _missing("deployment")


# -- faults ------------------------------------------------------------------------------------------------------------


def status(code: int, **headers: str) -> Fault:
    """Answer with a status and an error document."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = json.dumps(_error("failed", f"It is a {code}")).encode()
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def rubbish(handler: BaseHTTPRequestHandler) -> None:
    """Answer 200 with a page."""
    body = b"<!doctype html><html>Sign in to the hotel</html>"
    handler.send_response(200)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Break off in the middle of a body."""
    handler.send_response(200)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"job": {"id"')
    handler.close_connection = True


def lost(handler: BaseHTTPRequestHandler) -> None:
    """Do what is asked, and break off before the answer."""
    handler.peer.answer(handler.arrived)  # type: ignore[attr-defined]  # see `_handler`
    handler.close_connection = True


def hang(handler: BaseHTTPRequestHandler) -> None:
    """Answer nothing until the test ends."""
    handler.peer.hanging.wait(60)  # type: ignore[attr-defined]  # see `_handler`
    handler.close_connection = True


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _missing(what: str) -> tuple[int, Any]:
    return 404, _error("not_found", f"Could not find the {what}")


def _named(projects: list[Project], name: str) -> Project | None:
    return next((one for one in projects if name in (one.id, one.name)), None)


def _shown(deployment: dict[str, Any], *, key: str = "uid") -> dict[str, Any]:
    state = deployment["states"][0]
    shown = {name: value for name, value in deployment.items() if name not in ("states", "uid")}
    shown |= {key: deployment["uid"], "readyState": state, "state": state}
    if state == "ERROR":
        shown |= {"errorCode": "BUILD_FAILED", "errorMessage": 'Command "next build" exited with 1'}
    return shown


def _handler(peer: VercelPeer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
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
            peer.arrived.append(self.arrived)
            if peer.faults:
                peer.faults.pop(0)(self)
            else:
                self.answer_well()

        def answer_well(self) -> None:
            code, document = peer.answer(self.arrived)
            body = json.dumps(document).encode()
            self.send_response(code)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = handle_one  # noqa: N815 - the base class looks methods up by these names

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name in the base class
            """Print nothing."""

    Handler.peer = peer  # type: ignore[attr-defined]  # for faults
    return Handler
