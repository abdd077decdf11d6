"""PostgreSQL and Valkey from wheels, run as children on unix sockets, for a machine that has neither."""

from __future__ import annotations

from cms_project.embedded.postgres import EmbeddedPostgres
from cms_project.embedded.valkey import EmbeddedValkey

__all__ = ["EmbeddedPostgres", "EmbeddedValkey"]
