"""Fixtures that every test may use."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django.plugin import DjangoDbBlocker

from core.actors import system_actor
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope, use_scope
from tenants.models import Domain, Tenant

MakeTenant = Callable[..., Tenant]


@pytest.fixture(autouse=True, scope="session")
def database(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Open the database to all tests. They commit for real; what isolates them is a tenant of their own."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(autouse=True)
def no_scope_left_over() -> Iterator[None]:
    """Start every test without a scope, whatever the one before left."""
    with use_scope(None):
        yield


@pytest.fixture
def make_tenant() -> MakeTenant:
    """Make tenants with a random slug, each with the primary host `<slug>.test`."""

    def make(slug: str | None = None, **fields: Any) -> Tenant:
        slug = slug or f"t{secrets.token_hex(6)}"
        with platform_scope(PlatformWork.TENANT_DIRECTORY, actor=system_actor("tests")):
            tenant = Tenant.objects.create(slug=slug, name=fields.pop("name", slug.title()), **fields)
            Domain.objects.create(tenant=tenant, host=f"{slug}.test", is_primary=True)
        return tenant

    return make


@pytest.fixture
def tenant(make_tenant: MakeTenant) -> Tenant:
    """A fresh tenant."""
    return make_tenant()


@pytest.fixture
def other_tenant(make_tenant: MakeTenant) -> Tenant:
    """A second fresh tenant, to leak to."""
    return make_tenant()


@pytest.fixture
def in_tenant(tenant: Tenant) -> Iterator[Tenant]:
    """The fresh tenant, in scope for the whole test, acted on by the system."""
    with tenant_scope(tenant.id, slug=tenant.slug, actor=system_actor("tests")):
        yield tenant
