"""A tenant with posts, and a short way to have the plugin on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core.actors import system_actor
from core.scope import tenant_scope
from core.services.collections import create_collection
from plugin_host.testing.host import PluginEnabled
from tenants.models import Tenant
from tests.plugins.webhooks.posts import SECRET, SwitchOn


@pytest.fixture
def inside(tenant: Tenant) -> Iterator[Tenant]:
    """The tenant in scope, with a collection `posts`."""
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        create_collection(name="posts", schema={"type": "object", "properties": {"body": {"type": "string"}}})
        yield tenant


@pytest.fixture
def switch_on(inside: Tenant, plugin_enabled: PluginEnabled) -> SwitchOn:
    """Switch the plugin on with endpoints that get what is published: `switch_on(crm=url, shop={"url": …})`."""

    def switch(*, secrets: dict[str, str] | None = None, **endpoints: Any) -> None:
        given = [
            {"name": name, "events": ["record.published"]} | ({"url": one} if isinstance(one, str) else one)
            for name, one in endpoints.items()
        ]
        plugin_enabled(
            "webhooks",
            inside,
            config={"endpoints": given},
            secrets={"signing_secret": SECRET, **(secrets or {})},
        )

    return switch
