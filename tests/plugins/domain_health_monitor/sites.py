"""Web servers on addresses of their own in 127.0.0.0/8, all at the same two ports, that behave as they are told."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

SECURE_HEADERS = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}

type Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter, str], Awaitable[None]]


@dataclass(slots=True)
class Site:
    """One server; `heads` are the requests that it got."""

    address: str
    heads: list[str] = field(default_factory=list)
    connections: int = 0
    bytes_sent: int = 0


class Sites:
    """All servers of a test, on an event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sites", daemon=True)
        self._addresses = (f"127.0.{number // 250}.{number % 250 + 2}" for number in itertools.count())
        self.https_port, self.http_port = _free_port(), _free_port()
        self._servers: list[asyncio.Server] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def open(
        self,
        *,
        https: Behaviour | None = None,
        context: ssl.SSLContext | None = None,
        http: Behaviour | None = None,
    ) -> Site:
        """Open a site at an address of its own.

        Args:
            https: What happens at the secure port; without it nothing listens there.
            context: For TLS; without it the bytes come as they are.
            http: What happens at the plain port.
        """
        site = Site(next(self._addresses))
        for behaviour, port, secured in ((https, self.https_port, context), (http, self.http_port, None)):
            if behaviour is not None:
                listening = self._listen(site, behaviour, port, secured)
                self._servers.append(asyncio.run_coroutine_threadsafe(listening, self._loop).result(10))
        return site

    async def _listen(
        self, site: Site, behaviour: Behaviour, port: int, context: ssl.SSLContext | None
    ) -> asyncio.Server:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = ""
            site.connections += 1
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                if behaviour not in RAW:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                    site.heads.append(head)
                before = writer.write

                def counted(data: bytes) -> None:
                    site.bytes_sent += len(data)
                    before(data)

                writer.write = counted  # type: ignore[method-assign,assignment]  # counts what goes out
                await behaviour(reader, writer, head)
            writer.close()

        return await asyncio.start_server(serve, site.address, port, ssl=context, backlog=512)

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._loop.shutdown_default_executor()


def answering(
    status: int = 200, headers: Mapping[str, str] | None = None, body: bytes = b"Hello"
) -> Behaviour:
    """Answer every request alike."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    return behave


def redirecting(to: str | Callable[[str], str], status: int = 301) -> Behaviour:
    """Send every request elsewhere; `to` may be made from the path that was asked for."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        target = to if isinstance(to, str) else to(head.split(" ", 2)[1])
        await answering(status, {"Location": target}, b"")(reader, writer, head)

    return behave


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
    """Take the connection and nothing more."""
    await asyncio.sleep(3600)  # held by the loop's timer, which nothing else would do


async def reads_and_waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
    """Take what comes and never answer."""
    while await reader.read(4096):
        pass


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
    """Take the first bytes and end the connection."""
    await reader.read(64)
    writer.transport.abort()


async def drips_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
    """Send one header after another, and never the last one."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in itertools.count():
        if writer.is_closing():
            return
        writer.write(f"X-{number}: 1\r\n".encode())
        await writer.drain()
        await asyncio.sleep(0.05)


async def never_ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
    """Send a page without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0)  # where the reader is quick, `drain` lets nobody else run


async def sends_no_page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
    """Send the headers of a page, and no page."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    await writer.drain()
    await asyncio.sleep(3600)  # held by the loop's timer, which nothing else would do


# These take the connection before anything has been read from it.
RAW = (silent, reads_and_waits, hangs_up)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
