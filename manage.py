#!/usr/bin/env python3
"""Tenantry's commands. `manage.py up` starts everything; `manage.py help` lists the rest."""

from __future__ import annotations

import os
import sys

# They change the schema or its roles, so they sign in as the owner; everything else signs in as the application.
OWNER_COMMANDS = {
    "db_roles",
    "makemigrations",
    "migrate",
    "prepare",
    "showmigrations",
    "sqlflush",
    "sqlmigrate",
    "sqlsequencereset",
}
# The same for one action of a command.
OWNER_ACTIONS = {("plugin", "uninstall")}
# They say something about the code or the settings and reach no server.
OFFLINE_COMMANDS = {"help", "--help", "-h", "--version", "version", ""}


def main() -> int:
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        from cms_project import environment
    except ImportError as error:
        if sys.prefix == sys.base_prefix:
            sys.exit(f"{error}: run `make install`, then .venv/bin/python manage.py {command}")
        raise
    if command == "up":
        # Not through Django: it is what makes the variables that the settings need.
        from cms_project.supervisor import main as up

        return up(sys.argv[2:])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cms_project.settings")
    environment.load_environment_file()
    embedded = environment.load_development_variables()
    missing = environment.missing_variables()
    if command in OWNER_COMMANDS or tuple(sys.argv[1:3]) in OWNER_ACTIONS:
        os.environ["TENANTRY_DB_ROLE"] = os.environ.get("TENANTRY_DB_ROLE") or "owner"
        if not os.environ.get("DATABASE_OWNER_URL"):
            missing.append("DATABASE_OWNER_URL")
    if missing and command not in OFFLINE_COMMANDS:
        sys.exit(
            f"Not set: {', '.join(missing)}. `make run` starts servers of its own and keeps their addresses; "
            "for servers of yours copy .env.example to .env."
        )
    return _run(embedded)


def _run(embedded: bool) -> int:
    from django.core.management import execute_from_command_line
    from django.db import OperationalError
    from redis.exceptions import ConnectionError as RedisConnectionError

    try:
        execute_from_command_line(sys.argv)
    except (OperationalError, RedisConnectionError) as error:
        # Only when nothing answers: other operational errors say more with their traceback.
        if not embedded or "connect" not in str(error).lower():
            raise
        sys.exit("The embedded servers do not run: start them with `make run` in another terminal.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
