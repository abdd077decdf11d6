"""Receivers that behave badly: what they do with a connection is a function of its socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from plugin_host.http import allow_outbound

Behaviour = Callable[[socket.socket, threading.Event], None]


@contextmanager
def rough_peer(behave: Behaviour) -> Iterator[str]:
    """Serve connections that way inside the block, and return the address."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=_one, args=(connection, behave, over), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        try:
            with allow_outbound(f"127.0.0.1:{port}"):
                yield f"http://127.0.0.1:{port}/hook"
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)


def _one(connection: socket.socket, behave: Behaviour, over: threading.Event) -> None:
    with connection:
        try:
            connection.recv(65536)
            behave(connection, over)
        except OSError:
            return


def hang(connection: socket.socket, over: threading.Event) -> None:
    """Never answer."""
    over.wait(60)


def rubbish(connection: socket.socket, over: threading.Event) -> None:
    """Answer something that is not HTTP."""
    connection.sendall(b"\x00\x01 nobody speaks HTTP here\r\n\r\n")


def close(connection: socket.socket, over: threading.Event) -> None:
    """Hang up without a word."""


def cut_within_body(connection: socket.socket, over: threading.Event) -> None:
    """Say 200 and a length, and hang up in the middle."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nthe beginning")


def cut_after_error(connection: socket.socket, over: threading.Event) -> None:
    """Say 500, and hang up in the middle."""
    connection.sendall(b"HTTP/1.1 500 Oh\r\ncontent-length: 1000\r\n\r\nStack trace")


def endless(connection: socket.socket, over: threading.Event) -> None:
    """Say 200 and never stop talking."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not over.is_set():
        connection.sendall(b"x" * 4096)
