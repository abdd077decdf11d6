"""A server that plays Google's sign-in and Search Console, with real sockets; it checks what Google checks."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

PAGE_ROWS = 25_000
# page -> search term -> clicks, impressions, position
Pages = dict[str, dict[str, tuple[int, int, float]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A service account with its key."""

    email: str
    private_key: RSAPrivateKey = field(repr=False)
    key_id: str = "key-1"

    def key_file(self, **changes: Any) -> str:
        """Return the JSON that Google makes for a key."""
        pem = self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return json.dumps(
            {
                "type": "service_account",
                "project_id": "tests",
                "private_key_id": self.key_id,
                "private_key": pem,
                "client_email": self.email,
                # Somebody who can write this file must not decide where the assertion goes.
                "token_uri": "http://169.254.169.254/token",
            }
            | changes,
            indent=2,
        )


def new_account(name: str) -> Account:
    return Account(
        email=f"{name}@tests.iam.gserviceaccount.com",
        private_key=generate_private_key(public_exponent=65537, key_size=2048),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What came in; who sent it, as far as the server could tell."""

    kind: str
    email: str
    site: str = ""
    body: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is answered instead, once."""

    status: int = 500
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    hang: bool = False
    cut: bool = False


def refusal(status: int, reason: str, message: str = "No.") -> Fault:
    """Return an error as Google writes it."""
    error = {"code": status, "message": message, "errors": [{"reason": reason, "domain": "usageLimits"}]}
    return Fault(status=status, body=json.dumps({"error": error}).encode())


class Google:
    """The server; see the functions below for what can be set."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.access: dict[str, dict[str, str]] = defaultdict(dict)
        self.data: dict[str, dict[date, Pages]] = defaultdict(dict)
        self.first_incomplete: date | None = None
        self.requests: list[Request] = []
        self.token_seconds = 3599
        self.page_rows = PAGE_ROWS
        self.refuse_after: int | None = None
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._tokens: dict[str, str] = {}
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler_class())
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="google", daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()

    # -- what tests set

    def let_in(self, account: Account, site: str, permission: str = "siteRestrictedUser") -> None:
        """Make an account known, and a user of a property."""
        self.accounts[account.email] = account
        self.access[account.email][site] = permission

    def fill(self, site: str, last: date, days: int, pages: Pages) -> None:
        """Have the same figures on each of some days, the last one included."""
        for back in range(days):
            self.data[site][last - timedelta(days=back)] = pages

    def fault(self, kind: str, *faults: Fault) -> None:
        """Answer the next requests of a kind (`token`, `sites`, `query`) with these, in turn."""
        self._faults[kind].extend(faults)

    def forget_tokens(self) -> None:
        """Take no token any more that was given out."""
        with self._lock:
            self._tokens.clear()

    def of_kind(self, kind: str) -> list[Request]:
        with self._lock:
            return [request for request in self.requests if request.kind == kind]

    def queries(self, *dimensions: str) -> list[Request]:
        """Return the queries by these dimensions."""
        return [one for one in self.of_kind("query") if one.body["dimensions"] == list(dimensions)]

    # -- what it answers

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, Any]:
        if (method, path) == ("POST", "/token"):
            return self._token(body)
        email = self._tokens.get(headers.get("authorization", "").removeprefix("Bearer "), "")
        if not email:
            self._note(Request(kind="unknown", email=""))
            return 401, _error(401, "authError", "Invalid Credentials")
        if (method, path) == ("GET", "/webmasters/v3/sites"):
            self._note(Request(kind="sites", email=email))
            sites = self.access[email].items()
            return 200, {"siteEntry": [{"siteUrl": url, "permissionLevel": level} for url, level in sites]}
        front, back = "/webmasters/v3/sites/", "/searchAnalytics/query"
        if method == "POST" and path.startswith(front) and path.endswith(back):
            site = unquote(path.removeprefix(front).removesuffix(back))
            asked = json.loads(body)
            self._note(Request(kind="query", email=email, site=site, body=asked))
            return self._query(email, site, asked)
        return 404, _error(404, "notFound", "Not Found")

    def _token(self, body: bytes) -> tuple[int, Any]:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        try:
            claims = self._claims(form)
        except (ValueError, KeyError, InvalidSignature) as error:
            self._note(Request(kind="token", email="", body=str(error)))
            described = f"Invalid JWT: {error}" if str(error) else "Invalid JWT Signature."
            return 400, {"error": "invalid_grant", "error_description": described}
        self._note(Request(kind="token", email=claims["iss"], body=claims))
        token = f"ya29.{base64.urlsafe_b64encode(claims['iss'].encode()).decode()}.{len(self.requests)}"
        with self._lock:
            self._tokens[token] = claims["iss"]
        return 200, {"access_token": token, "expires_in": self.token_seconds, "token_type": "Bearer"}

    def _claims(self, form: dict[str, str]) -> dict[str, Any]:
        """Check an assertion as the documentation of service accounts has it, and as google-auth makes it."""
        if form["grant_type"] != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            raise ValueError("grant_type")
        signed, _, signature = form["assertion"].rpartition(".")
        header, claims = (json.loads(_bytes(part)) for part in signed.split("."))
        account = self.accounts[claims["iss"]]
        if (header["alg"], header["typ"], header["kid"]) != ("RS256", "JWT", account.key_id):
            raise ValueError("header")
        account.private_key.public_key().verify(_bytes(signature), signed.encode(), PKCS1v15(), SHA256())
        if set(claims) != {"iss", "scope", "aud", "iat", "exp"}:
            raise ValueError("claims")
        if claims["aud"] != "https://oauth2.googleapis.com/token":
            raise ValueError("aud")
        if claims["scope"] != "https://www.googleapis.com/auth/webmasters.readonly":
            raise ValueError("scope")
        if not claims["iat"] - 5 <= time.time() < claims["exp"] <= claims["iat"] + 3600:
            raise ValueError("Token must be a short-lived token (60 minutes); check your iat and exp values")
        return dict(claims)

    def _query(self, email: str, site: str, asked: dict[str, Any]) -> tuple[int, Any]:
        if site not in self.access[email]:
            message = f"User does not have sufficient permission for site '{site}'."
            return 403, _error(403, "forbidden", message)
        if asked["rowLimit"] > PAGE_ROWS or asked["type"] != "web":
            return 400, _error(400, "badRequest", "Bad request")
        if self.refuse_after is not None:
            if self.refuse_after == 0:
                return 403, _error(403, "quotaExceeded", "Search Analytics load quota exceeded.")
            self.refuse_after -= 1
        first, last = date.fromisoformat(asked["startDate"]), date.fromisoformat(asked["endDate"])
        rows = self._rows(site, first, last, tuple(asked["dimensions"]), asked["dataState"])
        size = min(asked["rowLimit"], self.page_rows)
        found: dict[str, Any] = {"responseAggregationType": "auto"}
        if rows[asked["startRow"] :]:
            found["rows"] = rows[asked["startRow"] :][:size]
        if asked["dataState"] == "all" and self.first_incomplete is not None:
            found["metadata"] = {"first_incomplete_date": self.first_incomplete.isoformat()}
        return 200, found

    def _rows(
        self, site: str, first: date, last: date, dimensions: tuple[str, ...], state: str
    ) -> list[dict[str, Any]]:
        sums: dict[tuple[str, ...], list[float]] = {}
        for day, pages in sorted(self.data[site].items()):
            is_late = self.first_incomplete is not None and day >= self.first_incomplete
            if not first <= day <= last or (state == "final" and is_late):
                continue
            for page, terms in pages.items():
                for term, (clicks, impressions, position) in terms.items():
                    named = {"date": day.isoformat(), "page": page, "query": term}
                    own = sums.setdefault(tuple(named[one] for one in dimensions), [0, 0, 0])
                    own[0] += clicks
                    own[1] += impressions
                    own[2] += impressions * position
        rows = [
            {
                "keys": list(keys),
                "clicks": clicks,
                "impressions": impressions,
                "ctr": clicks / impressions,
                "position": weighted / impressions,
            }
            for keys, (clicks, impressions, weighted) in sums.items()
        ]
        return rows if "date" in dimensions else sorted(rows, key=lambda row: -row["clicks"])

    def _note(self, request: Request) -> None:
        with self._lock:
            self.requests.append(request)

    def _handler_class(self) -> type[BaseHTTPRequestHandler]:
        google = self

        class Handler(BaseHTTPRequestHandler):
            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                kind = {"/token": "token", "/webmasters/v3/sites": "sites"}.get(self.path, "query")
                if google._faults[kind]:
                    google._note(Request(kind=f"refused {kind}", email=""))
                    self._fail(google._faults[kind].popleft())
                    return
                status, found = google.answer(self.command, self.path, self.headers, body)
                self._send(status, json.dumps(found).encode())

            do_GET = do_POST = handle_one  # noqa: N815

            def _send(self, status: int, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> None:
                self.send_response(status)
                self.send_header("content-type", "application/json; charset=UTF-8")
                self.send_header("content-length", str(len(body)))
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def _fail(self, fault: Fault) -> None:
                if fault.hang:
                    google._ending.wait(120)
                elif fault.cut:
                    self.send_response(200)
                    self.send_header("content-length", "1000")
                    self.end_headers()
                    self.wfile.write(b'{"rows": [{"keys": ["2026-')
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)
                else:
                    self._send(fault.status, fault.body, fault.headers)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                """Print nothing: tests look at `requests`."""

        return Handler


def _error(status: int, reason: str, message: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}}


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
