"""All tenants of the installation, for its operators."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Count

from tenants.models import Domain, Membership, Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSummary:
    """A tenant in a list.

    Args:
        hosts: The primary one first.
    """

    id: str
    slug: str
    name: str
    plan: str
    status: str
    time_zone: str
    members: int
    hosts: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return the summary for machines."""
        return asdict(self)


def tenant_summaries() -> list[TenantSummary]:
    """Return all tenants by slug; the platform must be in scope. Three queries, however many there are."""
    hosts: dict[Any, list[str]] = defaultdict(list)
    for tenant_id, host in Domain.objects.order_by("-is_primary", "host").values_list("tenant_id", "host"):
        hosts[tenant_id].append(host)
    counted = Membership.objects.values("tenant_id").annotate(count=Count("pk"))
    members = dict(counted.values_list("tenant_id", "count"))
    return [
        TenantSummary(
            id=str(tenant.pk),
            slug=tenant.slug,
            name=tenant.name,
            plan=tenant.plan,
            status=tenant.status,
            time_zone=tenant.time_zone,
            members=members.get(tenant.pk, 0),
            hosts=tuple(hosts[tenant.pk]),
        )
        for tenant in Tenant.objects.order_by("slug")
    ]
