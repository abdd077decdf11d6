"""Answers what `core` asks about a tenant's public face."""

from __future__ import annotations

from difflib import get_close_matches
from uuid import UUID

from django.conf import settings

from core.errors import NotFound
from core.platform_work import PlatformWork
from core.scope import platform_scope
from core.site import Site
from core.stamps import StampedCache, announce_change
from tenants.models import Domain, Tenant


class TenantSites:
    """Implements `core.site.SiteDirectory`; sites are kept in memory until `announce_site_change`."""

    def site(self, tenant_id: UUID) -> Site:
        return _sites.get(str(tenant_id))

    def tenant_id(self, slug: str) -> UUID:
        with platform_scope(PlatformWork.TENANT_DIRECTORY):
            found = Tenant.objects.filter(slug=slug).values_list("pk", flat=True).first()
            if found is None:
                near = get_close_matches(slug, Tenant.objects.values_list("slug", flat=True), n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise NotFound(f"There is no tenant {slug!r}.{hint}", code="tenant_not_found")
        return found


def announce_site_change(tenant_id: UUID) -> None:
    """Have every process read name, colours and domains of a tenant anew once the transaction commits."""
    announce_change("sites", str(tenant_id))


def public_origin(host: str) -> str:
    """Return what addresses at a host begin with: scheme, host and, where one is set, port."""
    port = f":{settings.PUBLIC_PORT}" if settings.PUBLIC_PORT else ""
    return f"{settings.PUBLIC_SCHEME}://{host}{port}"


def _load(key: str) -> Site:
    tenant = Tenant.objects.get(pk=key)
    hosts = Domain.objects.filter(tenant=tenant).order_by("-is_primary", "created_at")
    host = hosts.values_list("host", flat=True).first() or f"{tenant.slug}.localhost"
    return Site(
        name=tenant.name,
        domain=host,
        origin=public_origin(host),
        tagline=tenant.tagline,
        accent_color=tenant.accent_color,
        time_zone=tenant.time_zone,
    )


_sites: StampedCache[str, Site] = StampedCache("sites", _load, key_of=str)
