"""Which tenants a command works for."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.actors import Actor
from core.errors import Invalid
from core.platform_work import PlatformWork
from core.scope import platform_scope
from core.site import tenant_id_of
from tenants.models import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTenant:
    """A tenant that a command works for."""

    id: UUID
    slug: str


def add_tenant_arguments(parser: ArgumentParser, *, many: bool = True) -> None:
    """Let a command say for which tenants; `chosen_tenants` reads it."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--tenant", metavar="SLUG", help="for this tenant")
    if many:
        group.add_argument("--all-tenants", action="store_true", help="for each tenant that there is")


def chosen_tenants(options: dict[str, Any], *, actor: Actor) -> list[NamedTenant]:
    """Return the tenants that were named.

    Raises:
        Invalid: None was named.
        NotFound: There is no such tenant.
    """
    if slug := options.get("tenant"):
        return [NamedTenant(id=tenant_id_of(slug), slug=slug)]
    if options.get("all_tenants"):
        return list(_all_tenants(actor))
    choice = " or --all-tenants" if "all_tenants" in options else ""
    raise Invalid(f"Say for which tenant: --tenant SLUG{choice}.")


def _all_tenants(actor: Actor) -> Iterator[NamedTenant]:
    with platform_scope(PlatformWork.PLUGIN_DIRECTORY, actor=actor):
        rows = list(Tenant.objects.order_by("slug").values_list("pk", "slug"))
    for pk, slug in rows:
        yield NamedTenant(id=pk, slug=slug)
