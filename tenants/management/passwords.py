"""Where commands get a person's first password from."""

from __future__ import annotations

import getpass
import secrets
import sys
from argparse import ArgumentParser
from collections.abc import Callable

from tenants.models import User
from tenants.services.people import password_counts_everywhere, set_password


def add_password_arguments(parser: ArgumentParser) -> None:
    """Let a command be told how a new person gets a password."""
    parser.add_argument(
        "--password-stdin",
        action="store_true",
        help="read the password from standard input; otherwise it is asked for, or made up and shown once",
    )


def give_password(user: User, *, from_stdin: bool, say: Callable[[str], object]) -> None:
    """Give a person who has no password one; somebody who has one that counts everywhere keeps it.

    Raises:
        Invalid: It is too weak.
    """
    if password_counts_everywhere(user.pk):
        if from_stdin:
            say(f"{user.email} has a password already; it stays.")
        return
    if from_stdin:
        set_password(user=user, password=sys.stdin.readline().rstrip("\r\n"))
    elif sys.stdin.isatty():
        set_password(user=user, password=getpass.getpass(f"Password for {user.email}: "))
    else:
        password = secrets.token_urlsafe(15)
        set_password(user=user, password=password)
        say(f"Password for {user.email}, shown this once: {password}")
