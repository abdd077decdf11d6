"""Fixtures that every test may use, besides those of `plugin_host.testing`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.test import override_settings

from core.actors import system_actor
from core.scope import tenant_scope
from tenants.models import Tenant

MakeTenant = Callable[..., Tenant]


@pytest.fixture(scope="session", autouse=True)
def _cheap_hashes() -> Iterator[None]:
    """Save most of the suite's time; how dear a real hash is says `tests/tenants/test_hashing.py`."""
    dear = settings.PASSWORD_HASHERS
    with override_settings(PASSWORD_HASHERS=["tests.hashing.CheapArgon2PasswordHasher", *dear]):
        yield


@pytest.fixture
def in_tenant(tenant: Tenant) -> Iterator[Tenant]:
    """The fresh tenant, in scope for the whole test, acted on by the system."""
    with tenant_scope(tenant.id, slug=tenant.slug, actor=system_actor("tests")):
        yield tenant
