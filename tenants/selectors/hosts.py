"""From a host name to the tenant that answers there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection

from core.stamps import StampedCache, announce_change
from tenants.models import Domain, TenantStatus
from tenants.models.tenant import HOST_PATTERN

_HOST: Final = re.compile(HOST_PATTERN)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedTenant:
    """A tenant as its host says it; `request.tenant` is one."""

    id: UUID
    slug: str
    name: str
    plan: str
    status: str
    time_zone: str
    primary_host: str

    @property
    def is_suspended(self) -> bool:
        return self.status == TenantStatus.SUSPENDED


class _UnknownHost(LookupError):
    """Raised instead of answering None, so that made-up host names do not fill the cache."""


def tenant_at(host: str) -> HostedTenant | None:
    """Return the tenant of a host (lower case, without port), or None where no tenant has it."""
    try:
        return _hosts.get(host)
    except _UnknownHost:
        return None


def is_platform_host(host: str) -> bool:
    """Say whether the host is the installation's own."""
    return host in settings.PLATFORM_HOSTS


def bare_host(header: str) -> str:
    """Return what a Host header names: lower case, without port and without the root's dot."""
    host, colon, port = header.rpartition(":")
    if not colon or not port.isdigit():
        host = header
    return host.lower().removesuffix(".")


def announce_hosts_of(tenant_id: UUID) -> None:
    """Have every process look up the hosts of a tenant again once the transaction commits."""
    for host in Domain.objects.filter(tenant_id=tenant_id).values_list("host", flat=True):
        announce_host(host)


def announce_host(host: str) -> None:
    """Have every process look up one host again once the transaction commits."""
    announce_change("hosts", host)


def _load(host: str) -> HostedTenant:
    if not _HOST.match(host):
        raise _UnknownHost(host)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tenant_id, slug, name, plan, status, time_zone, primary_host FROM resolve_host(%s)",
            [host],
        )
        row = cursor.fetchone()
    if row is None:
        raise _UnknownHost(host)
    names = ("id", "slug", "name", "plan", "status", "time_zone", "primary_host")
    return HostedTenant(**dict(zip(names, row, strict=True)))


_hosts: StampedCache[str, HostedTenant] = StampedCache("hosts", _load, key_of=str)
