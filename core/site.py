"""A tenant's public face: name, address and colours of its site.

`core` does not know tenants; `tenants` says who they are through `set_site_directory`, once, at start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from core.scope import require_tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What pages, feeds and links need to know of a tenant.

    Args:
        domain: The primary host, without port.
        origin: Scheme, primary host and port, without a slash at the end; links that leave the site begin with it.
        accent_color: `#rrggbb`, or "" for the theme's own.
    """

    name: str
    domain: str
    origin: str
    tagline: str = ""
    accent_color: str = ""
    time_zone: str = "UTC"


class SiteDirectory(Protocol):
    """Knows every tenant's site; `tenants` implements it."""

    def site(self, tenant_id: UUID) -> Site:
        """Return the site of the tenant, which is in scope."""


class _NoDirectory:
    def site(self, tenant_id: UUID) -> Site:
        return Site(name="Site", domain="localhost", origin="http://localhost")


_directory: SiteDirectory = _NoDirectory()


def set_site_directory(directory: SiteDirectory) -> None:
    """Install the directory; called once by `tenants` when Django starts."""
    global _directory
    _directory = directory


def current_site() -> Site:
    """Return the site of the tenant in scope.

    Raises:
        NoScope: There is no tenant in scope.
    """
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # require_tenant refuses otherwise
    return _directory.site(tenant_id)
