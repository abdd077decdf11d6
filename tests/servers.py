"""The suite's own servers: those that the kit for plugins' tests starts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cms_project.embedded.testing import (
    PREFIX,
    TEMPLATE,
    clone_database,
    database_urls,
    ensure_servers,
    given_database,
)

__all__ = [
    "PREFIX",
    "PROJECT",
    "TEMPLATE",
    "clone_database",
    "database_urls",
    "ensure_servers",
    "given_database",
]

PROJECT: Final = Path(__file__).resolve().parent.parent
