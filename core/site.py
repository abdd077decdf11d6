"""A tenant's public face: name, address and colours of its site.

`core` does not know tenants; `tenants` says who they are through `set_site_directory`, once, at start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from core.errors import NotFound
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

    def tenant_id(self, slug: str) -> UUID:
        """Return the id of the tenant with that slug, suspended or not.

        Raises:
            NotFound: with the nearest slug, where there is one.
        """


class _NoDirectory:
    def site(self, tenant_id: UUID) -> Site:
        return Site(name="Site", domain="localhost", origin="http://localhost")

    def tenant_id(self, slug: str) -> UUID:
        raise NotFound("No directory of tenants is installed.")


_directory: SiteDirectory = _NoDirectory()


def set_site_directory(directory: SiteDirectory) -> None:
    """Install the directory; called once by `tenants` when Django starts."""
    global _directory
    _directory = directory


def tenant_id_of(slug: str) -> UUID:
    """Return the id of a tenant, for commands that name it by its slug.

    Raises:
        NotFound: with the nearest slug, where there is one.
    """
    return _directory.tenant_id(slug)


def current_site() -> Site:
    """Return the site of the tenant in scope.

    Raises:
        NoScope: There is no tenant in scope.
    """
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # require_tenant refuses otherwise
    return _directory.site(tenant_id)
