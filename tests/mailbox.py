"""A mail server on a free port of 127.0.0.1 that keeps what it takes, as far as RFC 5321 has to be spoken for that."""

from __future__ import annotations

import socketserver
import threading
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail with the addresses that it was handed over for."""

    recipients: tuple[str, ...]
    message: Message[str, str]

    @property
    def text(self) -> str:
        """The body."""
        raw = self.message.get_payload(decode=True)
        assert isinstance(raw, bytes)
        return raw.decode()


class Mailbox:
    """The server; `refuse_with` is what it says to recipients, empty for yes.

    `answers` has other answers, by command: `{"AUTH": "535 no"}`. It asks nobody to sign in, but lets those who want to
    try. With `hangs` it says nothing at all.
    """

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.refuse_with = ""
        self.answers: dict[str, str] = {}
        self.hangs = False
        self._over = threading.Event()
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> Any:
        mailbox = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                if mailbox.hangs:
                    mailbox._over.wait(60)
                    return
                self._say("220 here")
                recipients: list[str] = []
                for line in self.rfile:
                    command = line.decode("ascii").strip()
                    if (answer := mailbox.answers.get(command[:4].upper())) is not None:
                        self._say(answer)
                        continue
                    match command[:4].upper():
                        case "EHLO":
                            self._say("250-here\r\n250 AUTH PLAIN")
                        case "RCPT" if mailbox.refuse_with:
                            self._say(mailbox.refuse_with)
                        case "RCPT":
                            recipients.append(command.partition("<")[2].rstrip(">"))
                            self._say("250 fine")
                        case "DATA":
                            self._say("354 go on")
                            raw = b"".join(iter(self.rfile.readline, b".\r\n"))
                            mailbox.mails.append(Mail(tuple(recipients), message_from_bytes(raw)))
                            self._say("250 kept")
                        case "QUIT":
                            self._say("221 bye")
                            return
                        case _:
                            self._say("250 fine")

            def _say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

        return Handler
