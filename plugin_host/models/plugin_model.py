"""The base of plugins' own tables."""

from __future__ import annotations

from core.tenancy.models import TenantOwned


class PluginModel(TenantOwned):
    """A plugin's row of one tenant: UUID key, tenant column filled in from the scope, row-level security.

    Everything else is Django's own. Relations to records, or to other rows of tenants, are `TenantRelation`; a plain
    foreign key to the user model is allowed.
    """

    class Meta(TenantOwned.Meta):
        abstract = True
