"""A server that behaves as Netlify's API is documented, with a record of what came."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

Fault = Callable[[BaseHTTPRequestHandler], None]
HOOKS: Final = "/build_hooks/"


@dataclass(kw_only=True)
class Site:
    """A site; whoever has its token may use it."""

    id: str
    name: str
    token: str
    hooks: set[str] = field(default_factory=set)


@dataclass(kw_only=True)
class Arrived:
    """A request, as it came."""

    method: str
    path: str
    query: dict[str, str]
    token: str
    body: Any


class NetlifyPeer:
    """Deploys go through `states`, one further each time that they are looked at."""

    def __init__(self) -> None:
        self.sites: list[Site] = []
        self.deploys: list[dict[str, Any]] = []
        self.arrived: list[Arrived] = []
        self.faults: list[Fault] = []
        self.states: list[str] = ["enqueued", "building", "processing", "ready"]
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.hanging = threading.Event()

    @contextmanager
    def serving(self) -> Iterator[NetlifyPeer]:
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

    def add(self, site: Site) -> Site:
        self.sites.append(site)
        return site

    def fail(self, *faults: Fault) -> None:
        """Let the next requests fail in these ways, in turn."""
        self.faults += faults

    def starts(self) -> list[Arrived]:
        """Return the requests that ask for a build."""
        return [one for one in self.arrived if one.method == "POST"]

    def deploy(self, site: Site, **more: Any) -> dict[str, Any]:
        """Make a deploy; it is created now."""
        number = len(self.deploys) + 1
        made = {
            "id": f"deploy{number}",
            "site_id": site.id,
            "build_id": f"build{number}",
            "name": site.name,
            "deploy_ssl_url": f"https://deploy{number}--{site.name}.netlify.app",
            "ssl_url": f"https://{site.name}.netlify.app",
            "admin_url": f"https://app.netlify.com/projects/{site.name}",
            "created_at": datetime.now(UTC).isoformat(),
            "title": "",
            "states": list(self.states),
            **more,
        }
        self.deploys.insert(0, made)
        return made

    # -- what it answers -----------------------------------------------------------------------------------------------

    def answer(self, request: Arrived) -> tuple[int, Any]:
        if request.path.startswith(HOOKS):
            return self._hook(request.path.removeprefix(HOOKS), request.query)
        usable = [one for one in self.sites if one.token == request.token]
        if not usable:
            return 401, _error(401, "Access Denied: Origin unknown")
        match request.path.strip("/").split("/"):
            case ["api", "v1", "sites", name, *rest]:
                site = next((one for one in usable if name in (one.id, f"{one.name}.netlify.app")), None)
                return self._of_site(site, rest, request) if site else _missing()
            case ["api", "v1", "deploys", identity]:
                return self._looked_at(usable, identity)
        return _missing()

    def _hook(self, hook: str, query: dict[str, str]) -> tuple[int, Any]:
        site = next((one for one in self.sites if hook in one.hooks), None)
        if site is None:
            return _missing()
        self.deploy(site, title=query.get("trigger_title", "Deploy triggered by hook: cms"))
        return 200, None

    def _of_site(self, site: Site, rest: list[str], request: Arrived) -> tuple[int, Any]:
        match request.method, rest:
            case "GET", []:
                return 200, {"id": site.id, "name": site.name}
            case "GET", ["deploys"]:
                own = [_shown(one) for one in self.deploys if one["site_id"] == site.id]
                return 200, own[: int(request.query["per_page"])]
            case "POST", ["builds"]:
                made = self.deploy(site, title=request.query.get("title", ""))
                build = {"id": made["build_id"], "deploy_id": made["id"], "done": False}
                return 200, {**build, "created_at": made["created_at"]}
        return _missing()

    def _looked_at(self, usable: list[Site], identity: str) -> tuple[int, Any]:
        for one in self.deploys:
            if one["id"] == identity and any(site.id == one["site_id"] for site in usable):
                if len(one["states"]) > 1:
                    one["states"].pop(0)
                return 200, _shown(one)
        return _missing()


# -- faults ------------------------------------------------------------------------------------------------------------


def status(code: int, **headers: str) -> Fault:
    """Answer with a status and an error document."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = json.dumps(_error(code, f"It is a {code}")).encode()
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
    handler.wfile.write(b'{"id": "')
    handler.close_connection = True


def lost(handler: BaseHTTPRequestHandler) -> None:
    """Do what is asked, and break off before the answer."""
    handler.peer.answer(handler.arrived)  # type: ignore[attr-defined]  # see `_handler`
    handler.close_connection = True


def hang(handler: BaseHTTPRequestHandler) -> None:
    """Answer nothing until the test ends."""
    handler.peer.hanging.wait(60)  # type: ignore[attr-defined]  # see `_handler`
    handler.close_connection = True


def _error(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "message": message}


def _missing() -> tuple[int, Any]:
    return 404, _error(404, "Not Found")


def _shown(deploy: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in deploy.items() if name != "states"}
    state, _, reason = deploy["states"][0].partition(": ")
    return {**shown, "state": state, "error_message": reason or None}


def _handler(peer: NetlifyPeer) -> type[BaseHTTPRequestHandler]:
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
            body = b"" if document is None else json.dumps(document).encode()
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
