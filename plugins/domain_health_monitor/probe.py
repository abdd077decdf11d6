"""Connections to a domain: one request after another along its redirects, with what is seen on the way.

Every connection is one of `plugin_host.http`: to an address that is public or opened by the operator, which the one
lookup of the run has found. That goes for the targets of redirects too. Bodies are read to a small extent only.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import httpx

from plugin_host import http
from plugin_host.errors import PluginError

from .certificates import Certificate, lax_context, read_certificate
from .lookup import Lookups, NotFoundInDns

# For one connection or packet, and for one whole chain of redirects.
STEP_SECONDS: Final = 4.0
CHAIN_SECONDS: Final = 8.0
MAX_BODY_BYTES: Final = 64 * 1024
# A page that sets a cookie may send to itself once.
_VISITS_OF_A_LOOP: Final = 3
_UNBOUNDED: Final = 1 << 62
_LAST_PORT: Final = 65_535
_HEADERS: Final = {
    "user-agent": "Tenantry-Domain-Health/1.0",
    "accept": "text/html,*/*;q=0.5",
    "accept-encoding": "identity",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a chain has no end.

    Args:
        url: Where it broke off.
        stage: What was being done: dns, connect, tls, send, headers, body, redirect, guard or proxy.
        what: What happened, as half a sentence.
        error: What OpenSSL said, where it was TLS.
        is_late: Whether time ran out.
    """

    url: httpx.URL
    stage: str
    what: str
    error: ssl.SSLError | None = None
    is_late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What was seen from the first address to the last.

    Args:
        urls: Each address that was asked.
        status: Of the last answer; None where there was none.
        headers: Of the last answer, names in lower case.
        took_ms: From the beginning to the headers of the last answer.
        failure: Why there is no end; None where there is one.
        tls_version: Of the first address.
        certificate: Of the first address.
    """

    urls: tuple[httpx.URL, ...]
    status: int | None = None
    headers: Mapping[str, str] | None = None
    took_ms: float | None = None
    failure: Failure | None = None
    tls_version: str = ""
    certificate: Certificate | None = None

    @property
    def is_downgraded(self) -> bool:
        """Whether it leads from https to http."""
        schemes = [url.scheme for url in self.urls]
        return ("https", "http") in pairwise(schemes)


async def follow(
    url: str,
    lookups: Lookups,
    *,
    context: ssl.SSLContext,
    max_redirects: int,
    reads_body: bool = True,
    stops_at_https: bool = False,
) -> Chain:
    """Ask for an address and follow its redirects; never raises.

    Args:
        stops_at_https: Whether the first https address that is named is the end, without a call.
    """
    walk = _Walk(httpx.URL(url), reads_body=reads_body, stops_at_https=stops_at_https)
    async with http.client(
        timeout=httpx.Timeout(STEP_SECONDS),
        max_body_bytes=_UNBOUNDED,
        total_seconds=None,
        verify=context,
        resolver=lookups,
        headers=_HEADERS,
    ) as client:
        try:
            async with asyncio.timeout(CHAIN_SECONDS):
                await walk.go(client, max_redirects=max_redirects)
        except TimeoutError:
            walk.fail_late()
    return walk.chain


async def look_closely(url: str, lookups: Lookups) -> Chain:
    """Ask for an address whoever answers, to see which certificate and which version of TLS it has."""
    return await follow(url, lookups, context=lax_context(), max_redirects=0, reads_body=False)


_LATE: Final = {
    "connect": "does not accept connections in time",
    "tls": "accepts connections, but the TLS handshake is not finished in time",
    "send": "does not take the request in time",
    "headers": "takes the request, but does not answer in time",
    "body": "begins to answer, but sends no page in time",
}
_BROKEN: Final = {
    "connect": "cannot be reached: nothing listens there, or a firewall refuses",
    "tls": "breaks the connection off during the TLS handshake",
    "send": "breaks the connection off before it has the request",
    "headers": "breaks the connection off without an answer",
    "body": "breaks the connection off within the page",
}
# What httpcore tells of, after the name of its part: `connection.connect_tcp.started`.
_STAGES: Final = {
    "connect_tcp.started": "connect",
    "start_tls.started": "tls",
    "send_request_headers.started": "send",
    "receive_response_headers.started": "headers",
    "receive_response_body.started": "body",
}


# How a connection that is closed or slow looks to OpenSSL.
_NO_REASONS: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _Walk:
    """One chain while it grows."""

    def __init__(self, start: httpx.URL, *, reads_body: bool, stops_at_https: bool) -> None:
        self.chain = Chain(urls=(start,))
        self.stage = "connect"
        self._reads_body = reads_body
        self._stops_at_https = stops_at_https
        self._is_proxied = bool(os.environ.get("OUTBOUND_PROXY"))

    @property
    def url(self) -> httpx.URL:
        return self.chain.urls[-1]

    def fail(self, what: str, *, stage: str = "", error: ssl.SSLError | None = None) -> None:
        failure = Failure(url=self.url, stage=stage or self.stage, what=what, error=error)
        self.chain = replace(self.chain, failure=failure)

    def fail_late(self) -> None:
        failure = Failure(url=self.url, stage=self.stage, what=_LATE[self.stage], is_late=True)
        self.chain = replace(self.chain, failure=failure)

    async def go(self, client: httpx.AsyncClient, *, max_redirects: int) -> None:
        begun = time.monotonic()
        visits = Counter([self.url])
        while (following := await self._ask(client, begun)) is not None:
            visits[following] += 1
            if visits[following] >= _VISITS_OF_A_LOOP or len(self.chain.urls) > max_redirects:
                self._end_in_redirects(following, max_redirects, is_loop=max(visits.values()) > 1)
                return
            self.chain = replace(self.chain, urls=(*self.chain.urls, following))
            if self._stops_at_https and following.scheme == "https":
                return

    def _end_in_redirects(self, following: httpx.URL, most: int, *, is_loop: bool) -> None:
        what = (
            f"redirects in a circle: {shown(following)} comes again and again"
            if is_loop
            else f"redirects more than {most} times, at last to {shown(following)}"
        )
        self.fail(what, stage="redirect")

    async def _ask(self, client: httpx.AsyncClient, begun: float) -> httpx.URL | None:
        """Ask for the address at the end; return the next one, or None at the end of the chain."""
        self.stage = "connect"
        try:
            async with client.stream(
                "GET", self.url, follow_redirects=False, extensions={"trace": self._trace}
            ) as response:
                self._note(response, begun)
                location = response.headers.get("location", "")
                if response.is_redirect and location:
                    return self._target(location)
                if self._reads_body:
                    await self._read_some(response)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._note_error(error)
        except PluginError as error:
            # The guard's own words would name the address, which may be a secret of the network.
            if isinstance(error, http.OutboundRefused):
                self.fail("leads to an address that is not public, so it is not called", stage="guard")
            else:
                self.fail(error.message, stage="guard")
        return None

    def _note(self, response: httpx.Response, begun: float) -> None:
        self.chain = replace(
            self.chain,
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            took_ms=(time.monotonic() - begun) * 1000,
        )

    def _target(self, location: str) -> httpx.URL | None:
        try:
            target = self.url.join(location)
        except httpx.InvalidURL:
            target = httpx.URL()
        if target.scheme not in ("http", "https") or not target.host or (target.port or 80) > _LAST_PORT:
            self.fail(f"redirects to what is no web address ({location[:200]!r})", stage="redirect")
            return None
        return target.copy_with(fragment=None)

    async def _read_some(self, response: httpx.Response) -> None:
        size = 0
        async for part in response.aiter_raw():
            size += len(part)
            if size >= MAX_BODY_BYTES:
                return

    def _note_error(self, error: Exception) -> None:
        for cause in _causes(error):
            if isinstance(cause, NotFoundInDns):
                self.fail(f"is not found. {str(cause).rstrip('.')}", stage="dns")
                return
            if isinstance(cause, ssl.SSLError) and not isinstance(cause, _NO_REASONS):
                self.fail("has no TLS connection to offer that browsers accept", stage="tls", error=cause)
                return
        if isinstance(error, httpx.InvalidURL) or (
            isinstance(error, httpx.RemoteProtocolError) and "location header" in str(error)
        ):
            # httpx reads the header of a redirect before anybody asks it to.
            self.fail("redirects to what is no web address", stage="redirect")
        elif isinstance(error, httpx.ProxyError):
            # The tunnel was not made: the proxy's word, whoever is at fault.
            said = str(error) or "nothing more"
            self.fail(f"is not reached by the operator's proxy, which says: {said}", stage="proxy")
        elif self._is_proxied and self.stage == "connect":
            # Connections lead to the proxy alone.
            self.fail("cannot be looked at: the operator's proxy takes no connection", stage="proxy")
        elif isinstance(error, httpx.TimeoutException):
            self.fail_late()
        else:
            self.fail(_BROKEN[self.stage])

    async def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        step = event.partition(".")[2]
        self.stage = _STAGES.get(step, self.stage)
        if step == "start_tls.complete" and len(self.chain.urls) == 1:
            connection = info["return_value"].get_extra_info("ssl_object")
            self.chain = replace(
                self.chain,
                tls_version=connection.version() or "",
                certificate=read_certificate(connection),
            )


def shown(url: httpx.URL) -> str:
    """Return an address for people: without its query and sign-in, which may carry keys."""
    return str(url.copy_with(query=None, fragment=None, userinfo=b""))


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        # httpcore takes the cause away when it passes an error on; what was being handled stays.
        seen = seen.__cause__ or seen.__context__
