"""A name server on a free port of 127.0.0.1, over UDP and TCP, that answers as it is told."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

type Reply = Callable[[dns.message.Message, bool], dns.message.Message | None]


class NameServer:
    """Knows the names that it was given, and no other.

    names.add("shop.test", "127.0.0.2", "::1")
    names.reply("lost.test", silent)
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self._replies: dict[str, Reply] = {}
        self._udp, self._tcp = _sockets_at_one_port()
        self.port: int = self._udp.getsockname()[1]
        self._stopped = False
        self._threads = [
            threading.Thread(target=serve, name="name-server", daemon=True)
            for serve in (self._serve_udp, self._serve_tcp)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped = True
        # Wakes the threads up.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join()

    @property
    def address(self) -> str:
        """What the operator writes down."""
        return f"127.0.0.1:{self.port}"

    def add(self, host: str, *addresses: str) -> None:
        """Know a name."""
        self.reply(host, addresses_of(*addresses))

    def reply(self, host: str, reply: Reply) -> None:
        """Answer questions for a name in some way."""
        self._replies[host] = reply

    def asked_for(self, host: str) -> list[tuple[str, str]]:
        """Return kind and transport of each question for a name."""
        return [(kind, transport) for name, kind, transport in self.asked if name == host]

    def _answer(self, raw: bytes, transport: str) -> bytes | None:
        query = dns.message.from_wire(raw)
        host = query.question[0].name.to_text(omit_final_dot=True)
        self.asked.append((host, query.question[0].rdtype.name, transport))
        reply = self._replies.get(host, no_such_name)(query, transport == "tcp")
        return reply.to_wire() if reply is not None else None

    def _serve_udp(self) -> None:
        while not self._stopped:
            raw, peer = self._udp.recvfrom(4096)
            if raw and (answer := self._answer(raw, "udp")) is not None:
                self._udp.sendto(answer, peer)
        self._udp.close()

    def _serve_tcp(self) -> None:
        while not self._stopped:
            connection, _ = self._tcp.accept()
            with connection:
                head = connection.recv(2, socket.MSG_WAITALL)
                if len(head) < 2:
                    continue
                raw = connection.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL)
                if (answer := self._answer(raw, "tcp")) is not None:
                    connection.sendall(struct.pack("!H", len(answer)) + answer)
        self._tcp.close()


def _sockets_at_one_port() -> tuple[socket.socket, socket.socket]:
    while True:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        try:
            return udp, socket.create_server(udp.getsockname())
        except OSError:
            udp.close()  # the same number is taken for TCP: another one


def _response(query: dns.message.Message) -> dns.message.Message:
    response = dns.message.make_response(query)
    response.flags |= dns.flags.RA
    return response


def addresses_of(*addresses: str) -> Reply:
    """Answer with addresses of both families."""

    def reply(query: dns.message.Message, is_tcp: bool) -> dns.message.Message:
        question = query.question[0]
        kind = question.rdtype.name
        fitting = [one for one in addresses if (":" in one) == (kind == "AAAA")]
        response = _response(query)
        if fitting and kind in ("A", "AAAA"):
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *fitting))
        return response

    return reply


def no_such_name(query: dns.message.Message, is_tcp: bool) -> dns.message.Message | None:
    """NXDOMAIN."""
    return with_code(dns.rcode.NXDOMAIN)(query, is_tcp)


def with_code(code: dns.rcode.Rcode) -> Reply:
    """Answer with a code and nothing else."""

    def reply(query: dns.message.Message, is_tcp: bool) -> dns.message.Message:
        response = _response(query)
        response.set_rcode(code)
        return response

    return reply


def silent(query: dns.message.Message, is_tcp: bool) -> None:
    """Never answer."""


def aliases(*names: str, address: str = "") -> Reply:
    """Answer with a chain of aliases; at its end an address, or nothing."""

    def reply(query: dns.message.Message, is_tcp: bool) -> dns.message.Message:
        question, response = query.question[0], _response(query)
        chain = [question.name.to_text(), *(f"{name}." for name in names)]
        for name, following in pairwise(chain):
            response.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", following))
        if address and question.rdtype.name == "A":
            response.answer.append(dns.rrset.from_text(chain[-1], 60, "IN", "A", address))
        return response

    return reply


def too_large_for_udp(*addresses: str) -> Reply:
    """Answer over UDP that the answer is truncated, over TCP in full."""
    whole = addresses_of(*addresses)

    def reply(query: dns.message.Message, is_tcp: bool) -> dns.message.Message | None:
        if is_tcp:
            return whole(query, is_tcp)
        response = _response(query)
        response.flags |= dns.flags.TC
        return response

    return reply


def failing_for(kind: str, *addresses: str) -> Reply:
    """Fail for one kind of record."""
    whole, fail = addresses_of(*addresses), with_code(dns.rcode.SERVFAIL)

    def reply(query: dns.message.Message, is_tcp: bool) -> dns.message.Message | None:
        return (fail if query.question[0].rdtype.name == kind else whole)(query, is_tcp)

    return reply
