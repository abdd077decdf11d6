from __future__ import annotations

import pytest
from with_secret import WithSecret  # type: ignore[import-not-found]  # a listing of the page

from plugin_host.context import HookContext
from plugin_host.testing import PluginScope, Tenant


@pytest.fixture
def secrets() -> dict[str, str]:
    return {"api_token": "abc-123"}


def test_secrets_are_read_as_the_guide_says(
    tenant: Tenant, hook_context: HookContext, plugin_scope: PluginScope
) -> None:
    with plugin_scope("with-secret", tenant):
        assert WithSecret().token(hook_context) == "eu:abc-123"
    with pytest.raises(KeyError, match="with-secret needs the secret 'api_token'"):
        WithSecret().token(hook_context)
