"""Addresses: the plugin's routes and pages, and what the host shows of it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final
from uuid import uuid4

from django.http import HttpResponseBase
from django.test import Client

from plugin_host.testing import people
from plugin_host.testing.contract.account import Account
from plugin_host.testing.contract.routes import PREFIX, Route, routes_of
from plugin_host.testing.contract.rows import models_of

JSON: Final = "application/json"
_OF_THE_HOST: Final = ("", "/settings", "/secrets", "/deliveries", "/tasks", "/health")
_PAGES_OF_THE_HOST: Final = ("", "config/", "secrets/", "deliveries/")


class Visitor:
    """Somebody who asks at a tenant's host, with a key and with a session in the admin."""

    def __init__(self, account: Account) -> None:
        self._account = account
        headers = people.headers_of_new_member(account.tenant, role="admin")
        host = f"{account.tenant.slug}.test"
        self.program = Client(headers={"host": host, **headers}, raise_request_exception=False)
        self.nobody = Client(headers={"host": host}, raise_request_exception=False)
        self.browser = people.signed_in_client(account.tenant, role="admin")
        self.browser.raise_request_exception = False

    def ask_routes(self) -> None:
        """Ask every route with every method that it takes, as an administrator and as nobody."""
        for request in self._account.example.requests:
            path = f"{PREFIX}{self._prefix()}/{request.path}"
            self._ask(
                self.program, request.method.lower(), path, path, request.data, headers=dict(request.headers)
            )
        routes = self.routes
        # Last of all something is made that stays.
        for route in [
            *routes,
            *(route for route in routes if route.method == "post" and not route.parameters),
        ]:
            for path in self.filled(route):
                self._ask(self.program, route.method, path, str(route), route.body)
            self._ask(self.nobody, route.method, route.filled(str(uuid4())), f"{route} by nobody", route.body)

    def read_routes(self) -> None:
        """Ask the routes that read, as an administrator."""
        for route in self.routes:
            for path in self.filled(route) if route.method == "get" else ():
                self._ask(self.program, route.method, path, str(route), None)

    def statuses(self) -> Iterator[tuple[str, int]]:
        """Ask every route and page, and return what each answered."""
        for route in self.routes:
            path = route.filled(str(uuid4()))
            yield str(route), send(self.program, route.method, path, route.body).status_code
        for page in self._account.plugin.registrations.admin_pages:
            yield f"page {page.nav_id}", self.browser.get(f"/admin/plugins/{page.nav_id}/").status_code

    @cached_property
    def routes(self) -> list[Route]:
        """Return the plugin's routes."""
        account = self._account
        return routes_of(account.plugin, text=account.mark, url=account.peer.url("/"))

    def filled(self, route: Route) -> Iterator[str]:
        """Return the address with ids of rows that the tenant has, or with one that nobody has."""
        if not route.parameters:
            yield route.template
            return
        ids = row_ids(self._account)
        yield from (route.filled(value) for value in ids or [str(uuid4())])

    def open_pages(self) -> None:
        """Open the plugin's pages in the admin."""
        for page in self._account.plugin.registrations.admin_pages:
            self._ask(self.browser, "get", f"/admin/plugins/{page.nav_id}/", f"page {page.nav_id}", None)

    def look_at_the_plugin(self) -> None:
        """Ask for everything that the host shows of the plugin, in the API and in the admin."""
        plugin_id = self._account.plugin.id
        for part in _OF_THE_HOST:
            path = f"/api/v1/admin/plugins/{plugin_id}{part}"
            self._ask(self.program, "get", path, path, None, may_be_missing=True)
        for part in _PAGES_OF_THE_HOST:
            path = f"/admin/settings/plugins/{plugin_id}/{part}"
            self._ask(self.browser, "get", path, path, None, may_be_missing=True)

    def _prefix(self) -> str:
        routers = self._account.plugin.registrations.routers
        return routers[0].prefix if routers else self._account.plugin.id

    def _ask(
        self,
        client: Client,
        method: str,
        path: str,
        place: str,
        data: Any,
        *,
        headers: dict[str, str] | None = None,
        may_be_missing: bool = False,
    ) -> None:
        self._account.asked.append(place)
        answer = send(client, method, path, data, headers=headers)
        self._account.see(place, text_of(answer))
        if answer.status_code >= 500:
            reason = trace_of(answer).strip().rpartition("\n")[2]
            self._account.fail(place, f"answered {answer.status_code}: {reason}")


def row_ids(account: Account) -> list[str]:
    """Return the key of one row of each of the plugin's tables, of those in which the tenant has any."""
    with account.inside():
        found = (
            model._base_manager.values_list("pk", flat=True).first() for model in models_of(account.plugin)
        )
        return [str(key) for key in found if key is not None]


def send(client: Client, method: str, path: str, data: Any, *, headers: dict[str, str] | None = None) -> Any:
    """Send a request; what the view raises is in the answer."""
    if data is None:
        return getattr(client, method)(path, headers=headers)
    return getattr(client, method)(path, data, content_type=JSON, headers=headers)


def text_of(answer: Any) -> str:
    """Return an answer's headers and body, and what was raised on the way."""
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    return f"{headers}\n{_body_of(answer)}\n{trace_of(answer)}"


def trace_of(answer: Any) -> str:
    """Return what a view raised, with the way to it."""
    raised = getattr(answer, "exc_info", None)
    return "".join(traceback.format_exception(*raised)) if raised else ""


def _body_of(answer: HttpResponseBase) -> str:
    if answer.streaming:
        parts: Any = answer.streaming_content  # type: ignore[attr-defined]  # what streaming answers have
        return b"".join(parts).decode(errors="replace")
    return bytes(answer.content).decode(answer.charset or "utf-8", errors="replace")  # type: ignore[attr-defined]  # else
