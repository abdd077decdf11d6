"""Where a process gets its variables from: the environment, then `.env`, then what `make run` keeps in `var/dev.env`.

The settings have no default secret and no default server. `manage.py up` makes both for a development machine and
writes them to `var/dev.env`, so that other commands beside it find the same servers and keys.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Final

import environ

from core.errors import Invalid

PROJECT: Final = Path(__file__).resolve().parent.parent
SERVER_VARIABLES: Final = ("DATABASE_URL", "DATABASE_OWNER_URL")
REQUIRED: Final = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "MASTER_KEYS")
_HEADER: Final = (
    "# Written by `manage.py up` for this machine; not for production.\n"
    "# Losing MASTER_KEYS makes the plugins' stored secrets unreadable.\n"
)


def var_dir(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of everything that the installation keeps outside its servers."""
    return Path(environment.get("TENANTRY_VAR_DIR") or PROJECT / "var").absolute()


def development_file(environment: Mapping[str, str] = os.environ) -> Path:
    return var_dir(environment) / "dev.env"


def load_environment_file() -> None:
    """Read `.env` (or the file that TENANTRY_ENV_FILE names; `-` for none); variables that are set already win."""
    name = os.environ.get("TENANTRY_ENV_FILE", "")
    if name != "-":
        environ.Env.read_env(name or PROJECT / ".env")


def load_development_variables(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Fill what is missing from `var/dev.env`; say whether the database is the embedded one.

    An installation that names everything itself is left alone.
    """
    if all(environment.get(name) for name in REQUIRED):
        return False
    stored = read_variables(development_file(environment))
    own_database = any(environment.get(name) for name in SERVER_VARIABLES)
    for name, value in stored.items():
        if own_database and name in SERVER_VARIABLES:
            # One address from here and the other from there would be two databases.
            continue
        # A line of .env that was left empty counts as not set.
        environment[name] = environment.get(name) or value
    return not own_database and "DATABASE_URL" in stored


def missing_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    return [name for name in REQUIRED if not environment.get(name)]


def make_development_secrets(stored: Mapping[str, str]) -> dict[str, str]:
    """The secrets of a development machine: those that are there, and new ones for the rest."""
    return {
        "SECRET_KEY": stored.get("SECRET_KEY") or secrets.token_urlsafe(64),
        "MASTER_KEYS": stored.get("MASTER_KEYS")
        or f"dev:{base64.b64encode(secrets.token_bytes(32)).decode()}",
    }


def read_variables(path: Path) -> dict[str, str]:
    """Read what `write_variables` wrote; nothing when there is no file."""
    if not path.exists():
        return {}
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def write_variables(path: Path, variables: Mapping[str, str]) -> None:
    """Replace the file at once, readable by its owner only.

    Raises:
        Invalid: A value has a line break, which the file cannot hold.
    """
    for name, value in variables.items():
        if "\n" in value:
            raise Invalid(f"{name} has a line break: put it into one line.")
    text = _HEADER + "".join(f"{name}={value}\n" for name, value in sorted(variables.items()))
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)
