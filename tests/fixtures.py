"""Fixtures that every test may use, besides those of `plugin_host.testing`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from core.actors import system_actor
from core.scope import tenant_scope
from tenants.models import Tenant

MakeTenant = Callable[..., Tenant]


@pytest.fixture
def in_tenant(tenant: Tenant) -> Iterator[Tenant]:
    """The fresh tenant, in scope for the whole test, acted on by the system."""
    with tenant_scope(tenant.id, slug=tenant.slug, actor=system_actor("tests")):
        yield tenant
