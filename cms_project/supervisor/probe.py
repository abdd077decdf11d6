"""Asks the web server whether it answers yet, a little at each call, so that nobody waits for it."""

from __future__ import annotations

import errno
import select
import socket
import time
from typing import Final

from cms_project.supervisor.options import Options

# A first request may load much; a request that takes longer is given up and made again.
REQUEST_SECONDS: Final = 20.0
REQUEST: Final = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_EVERY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class WebProbe:
    """One small request after the other, until one of them is answered, with whatever status."""

    def __init__(self, options: Options) -> None:
        host = _EVERY_ADDRESS.get(options.host, options.host)
        self._family, _, _, _, self._address = socket.getaddrinfo(
            host, options.port, type=socket.SOCK_STREAM
        )[0]
        self._socket: socket.socket | None = None
        self._unsent = b""
        self._give_up_at = 0.0

    def answered(self) -> bool:
        """Do what can be done without waiting; True when an answer has arrived."""
        if self._socket is None:
            self._connect()
            return False
        if time.monotonic() > self._give_up_at:
            self.close()
            return False
        readable, writable, _ = select.select([self._socket], [self._socket] if self._unsent else [], [], 0)
        try:
            if writable:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
            if readable:
                answer = self._socket.recv(64)
                self.close()
                return answer.startswith(b"HTTP/")
        except OSError:
            # Nobody listens yet, or not any more.
            self.close()
        return False

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> None:
        self._socket = socket.socket(self._family, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._unsent = REQUEST
        self._give_up_at = time.monotonic() + REQUEST_SECONDS
        if self._socket.connect_ex(self._address) not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
            self.close()
