"""What takes objects as S3 does, keeps their names, and counts how many requests it has at once."""

from __future__ import annotations

import asyncio
import json
from typing import Final

DELAY_SECONDS: Final = 0.004


class Sink:
    """Enough of S3 for storing and listing; one event loop, so counting needs no lock."""

    def __init__(self) -> None:
        self._etags: dict[str, str] = {}
        self._at_once = 0
        self._most = 0
        self._stored = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while (line := await reader.readline()).strip():
                method, target, _ = line.decode().split()
                length = await self._read_headers(reader, writer)
                await reader.readexactly(length)
                status, headers, body = await self._answer(method, target)
                head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                writer.write(
                    f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
                )
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _read_headers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        length = 0
        waits = False
        while (line := await reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            if name.lower() == "content-length":
                length = int(value)
            waits |= name.lower() == "expect"
        if waits:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return length

    async def _answer(self, method: str, target: str) -> tuple[str, dict[str, str], bytes]:
        if target == "/counted":
            body = json.dumps({"most_at_once": self._most, "stored": self._stored}).encode()
            self._most = self._stored = 0
            return "200 OK", {}, body
        path = target.partition("?")[0]
        if method == "PUT":
            self._at_once += 1
            self._most = max(self._most, self._at_once)
            await asyncio.sleep(DELAY_SECONDS)
            self._at_once -= 1
            self._stored += 1
            self._etags[path] = f'"{self._stored:032x}"'
            return "200 OK", {"ETag": self._etags[path]}, b""
        prefix = path.rstrip("/") + "/"
        found = "".join(
            f"<Contents><Key>{key.removeprefix(prefix)}</Key><ETag>{etag}</ETag></Contents>"
            for key, etag in self._etags.items()
            if key.startswith(prefix)
        )
        body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode()
        return "200 OK", {"Content-Type": "application/xml"}, body


async def main() -> None:
    """Serve on a free port, which is printed."""
    server = await asyncio.start_server(Sink().serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
