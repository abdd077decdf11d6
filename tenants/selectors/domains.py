"""The hosts of the tenant in scope."""

from __future__ import annotations

from tenants.models import Domain


def domain_hosts() -> list[str]:
    """Return the hosts of the tenant in scope, the primary one first."""
    return list(Domain.objects.order_by("-is_primary", "host").values_list("host", flat=True))
