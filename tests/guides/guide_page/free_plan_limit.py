from __future__ import annotations

import pytest

from plugin_host.errors import PluginError
from plugin_host.testing import MakeContent, MakeTenant, PluginEnabled, Tenant

LONG = "word " * 5001


@pytest.fixture
def tenant(make_tenant: MakeTenant) -> Tenant:
    return make_tenant(plan="free")


def test_only_the_free_plan_is_limited(
    make_content: MakeContent, make_tenant: MakeTenant, plugin_enabled: PluginEnabled
) -> None:
    pro = make_tenant(plan="pro")
    plugin_enabled("free-plan-limit", pro)

    assert make_content(tenant=pro, title="Long", body=LONG)["word_count"] == 5001
    with pytest.raises(PluginError, match="Free plan limited to 5000 words"):
        make_content(title="Long", body=LONG)
