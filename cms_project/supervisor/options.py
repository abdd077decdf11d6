"""The command line of `manage.py up`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

DESCRIPTION: Final = (
    "Starts PostgreSQL and Valkey (unless DATABASE_URL and REDIS_URL name others), brings the schema up to date, "
    "seeds a demo into an empty database, and runs web server, worker and beat until Ctrl-C."
)
LAST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the operator asked for."""

    host: str = "127.0.0.1"
    port: int = 8000
    demo: bool = True
    workers: int = 1
    reload: bool = True

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Self:
        return cls(
            host=arguments.host,
            port=arguments.port,
            demo=arguments.demo,
            workers=arguments.workers,
            reload=arguments.reload,
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options, for the parser of ours and for Django's."""
    parser.add_argument("--host", default="127.0.0.1", help="address that the web server listens on")
    parser.add_argument("--port", type=_port, default=8000, help="its port (default: %(default)s)")
    parser.add_argument("--workers", type=_positive, default=1, help="web processes (default: %(default)s)")
    parser.add_argument("--no-demo", dest="demo", action="store_false", help="leave an empty database empty")
    parser.add_argument("--no-reload", dest="reload", action="store_false", help="do not watch the code")


def main(arguments: Sequence[str]) -> int:
    """Run `manage.py up` with its arguments; return the exit status."""
    # Here and not above: that module needs this one's Options.
    from cms_project.supervisor.up import run

    parser = argparse.ArgumentParser(prog="manage.py up", description=DESCRIPTION)
    add_arguments(parser)
    return run(Options.from_arguments(parser.parse_args(arguments)))


def _port(text: str) -> int:
    number = _positive(text)
    if number > LAST_PORT:
        raise argparse.ArgumentTypeError(f"{number} is no port: take one up to {LAST_PORT}")
    return number


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)
