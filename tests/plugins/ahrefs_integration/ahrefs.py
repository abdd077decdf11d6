"""A server that plays Ahrefs' API v3, with real sockets; it filters, sorts, limits and counts units as Ahrefs does."""

from __future__ import annotations

import json
import socket
import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

# What the documentation says of the fields; all others are one unit.
UNITS = {"volume": 10, "sum_traffic": 10, "live_refdomains": 5, "all_time_refdomains": 5}
LISTS = {
    "/v3/site-explorer/organic-keywords": "keywords",
    "/v3/site-explorer/all-backlinks": "backlinks",
    "/v3/rank-tracker/overview": "overviews",
}
LIMITS = "/v3/subscription-info/limits-and-usage"
TOTALS = "/v3/site-explorer/backlinks-stats"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What came in."""

    path: str
    key: str
    query: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is answered instead, once."""

    status: int = 500
    error: str = ""
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    hang: bool = False
    cut: bool = False


@dataclass(slots=True)
class Account:
    """A key's units in the billing period."""

    limit: int | None = None
    used: int = 0
    expires: str = "2099-01-01T00:00:00Z"


class AhrefsPeer:
    """The server; its attributes are what tests set."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        # Rows of each list: target (or project) -> rows.
        self.rows: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
        self.totals: dict[str, dict[str, int]] = {}
        self.max_rows = 100_000
        self.reset_date: str | None = "2099-01-01"
        self.extra_row_units = 0
        self.tells_cost = True
        self.requests: list[Request] = []
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler_class())
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/v3"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="ahrefs", daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()

    def fault(self, name: str, *faults: Fault) -> None:
        """Answer the next requests to an endpoint, by the last part of its path, with these."""
        self._faults[name].extend(faults)

    def asked(self, name: str) -> list[Request]:
        with self._lock:
            return [request for request in self.requests if request.name == name]

    def answer(self, request: Request) -> tuple[int, Any, dict[str, str]]:
        account = self.accounts.get(request.key)
        if account is None:
            return 401, {"error": "Invalid API key"}, {}
        if request.path == LIMITS:
            return 200, {"limits_and_usage": self._limits(account)}, {}
        if request.path == TOTALS:
            found = self.totals.get(request.query["target"])
            if found is None:
                return 400, {"error": "bad target"}, {}
            return self._charged(account, {"metrics": found}, rows=1, fields=list(found), is_free=False)
        name = LISTS.get(request.path)
        if name is None or "select" not in request.query:
            return 400, {"error": "bad request"}, {}
        fields = request.query["select"].split(",")
        of = request.query.get("target") or request.query["project_id"]
        rows = [
            row for row in self.rows[name][of] if _matches(row, json.loads(request.query.get("where", "{}")))
        ]
        for order in reversed(request.query.get("order_by", "").split(",")):
            if order:
                by, _, way = order.partition(":")
                rows.sort(key=lambda row: row[by], reverse=way == "desc")
        rows = rows[: min(int(request.query["limit"]), self.max_rows)]
        chosen = [{name: row.get(name) for name in fields} for row in rows]
        return self._charged(
            account, {name: chosen}, rows=len(rows), fields=fields, is_free=name == "overviews"
        )

    def _charged(
        self, account: Account, found: Any, *, rows: int, fields: list[str], is_free: bool
    ) -> tuple[int, Any, dict[str, str]]:
        per_row = sum(UNITS.get(field, 1) for field in fields) + self.extra_row_units
        units = 0 if is_free else max(50, per_row * rows)
        if account.limit is not None and account.used + units > account.limit:
            return 403, {"error": "API units limit reached"}, {}
        account.used += units
        headers = {"x-api-rows": str(rows), "x-api-units-cost-row": str(0 if is_free else per_row)}
        headers |= {"x-api-units-cost-total": str(units), "x-api-units-cost-total-actual": str(units)}
        return 200, found, headers if self.tells_cost else {}

    def _limits(self, account: Account) -> dict[str, Any]:
        return {
            "subscription": "Lite, billed yearly",
            "usage_reset_date": self.reset_date,
            "units_limit_workspace": None,
            "units_usage_workspace": None,
            "units_limit_api_key": account.limit,
            "units_usage_api_key": account.used,
            "api_key_expiration_date": account.expires,
        }

    def _handler_class(self) -> type[BaseHTTPRequestHandler]:
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                key = self.headers.get("authorization", "").removeprefix("Bearer ")
                request = Request(path=parts.path, key=key, query=dict(parse_qsl(parts.query)))
                with peer._lock:
                    peer.requests.append(request)
                    faults = peer._faults[request.name]
                    fault = faults.popleft() if faults else None
                if fault is not None:
                    self._fail(fault)
                    return
                with peer._lock:
                    status, found, headers = peer.answer(request)
                self._send(status, json.dumps(found).encode(), tuple(headers.items()))

            def _send(self, status: int, body: bytes, headers: tuple[tuple[str, str], ...]) -> None:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def _fail(self, fault: Fault) -> None:
                if fault.hang:
                    peer._ending.wait(120)
                elif fault.cut:
                    self.send_response(200)
                    self.send_header("content-length", "1000")
                    self.end_headers()
                    self.wfile.write(b'{"keywords": [{"key')
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)
                else:
                    body = (
                        fault.body if fault.body is not None else json.dumps({"error": fault.error}).encode()
                    )
                    self._send(fault.status, body, fault.headers)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                """Print nothing: tests look at `requests`."""

        return Handler


def _matches(row: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
    """Say whether a row passes a filter, of the parts of the filter syntax that are used here."""
    if not condition:
        return True
    if "or" in condition:
        return any(_matches(row, one) for one in condition["or"])
    if "and" in condition:
        return all(_matches(row, one) for one in condition["and"])
    operator, value = condition["is"]
    own = row[condition["field"]]
    return bool({"lt": own < value, "gt": own > value, "eq": own == value}[operator])
