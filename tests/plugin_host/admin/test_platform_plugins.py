"""Plugins on the platform's admin."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from django.test import Client

from core.actors import system_actor
from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.errors import LoadProblem
from plugin_host.models.settings import PlatformConfigRevision, PlatformPluginSettings
from plugin_host.registry import LoadedPlugins, LoadFailure, loaded_plugins, use_plugins
from plugin_host.state import forget_tenant_plugins, tenant_plugins
from tenants.models import Tenant
from tests.admin_people import SignIn
from tests.core.admin.test_records import refusal_in

PLUGINS = "/admin/settings/plugins/"


@pytest.fixture
def with_a_broken_one() -> Iterator[LoadedPlugins]:
    """The plugins that are there, and one that is not loaded."""
    failure = LoadFailure(
        name="shaky",
        status="broken",
        problems=(LoadProblem(stage="register", message="It raised <ValueError>."),),
        traceback="Traceback: line 3",
        file="shaky/__init__.py",
        line=3,
    )
    known = loaded_plugins()
    with use_plugins(LoadedPlugins(plugins=dict(known.plugins), failures={"shaky": failure})) as loaded:
        forget_tenant_plugins()
        yield loaded
    forget_tenant_plugins()


@pytest.fixture
def restored_platform_settings() -> Iterator[None]:
    """The platform's settings belong to all tenants, those of other tests too."""
    yield
    with platform_scope(PlatformWork.PLUGIN_DIRECTORY, actor=system_actor("tests")):
        PlatformPluginSettings.objects.filter(pk__in=["task-manager", "webhooks"]).delete()
        PlatformConfigRevision.objects.filter(plugin_id__in=["task-manager", "webhooks"]).delete()
    forget_tenant_plugins()


def test_what_is_not_loaded_says_why_at_both_hosts(
    operator: Client, member_of: SignIn, tenant: Tenant, with_a_broken_one: LoadedPlugins
) -> None:
    everywhere = operator.get(PLUGINS).content.decode()
    assert "shaky/__init__.py:3" in everywhere
    assert "It raised &lt;ValueError&gt;." in everywhere
    assert "Task Manager" in everywhere

    client = member_of(tenant)
    assert "It raised &lt;ValueError&gt;." in client.get(PLUGINS).content.decode()
    assert "Traceback: line 3" in client.get(f"{PLUGINS}shaky/").content.decode()
    assert client.get(f"{PLUGINS}shaky/config/").status_code == 404
    assert client.post(f"{PLUGINS}shaky/state/", {"do": "enable"}).status_code == 404


@pytest.mark.usefixtures("restored_platform_settings")
def test_a_value_for_all_tenants_lies_below_their_own(operator: Client, tenant: Tenant) -> None:
    operator.post(
        f"{PLUGINS}task-manager/", {"config": json.dumps({"max_tasks_per_user": 55, "webhook_url": ""})}
    )

    with platform_scope(PlatformWork.PLUGIN_DIRECTORY, actor=system_actor("tests")):
        assert PlatformPluginSettings.objects.get(pk="task-manager").config == {"max_tasks_per_user": 55}
    forget_tenant_plugins()
    assert tenant_plugins(tenant.pk)["task-manager"].config == {"max_tasks_per_user": 55}


@pytest.mark.usefixtures("restored_platform_settings")
def test_secrets_for_all_tenants_are_references(operator: Client) -> None:
    config = json.dumps({"endpoints": [{"name": "crm", "url": "https://a.example.org"}]})
    plain = json.dumps({"signing_secret": "whsec_plain"})
    page = operator.post(f"{PLUGINS}webhooks/", {"config": config, "secrets": plain}).content.decode()
    assert "stand in the environment" in refusal_in(page)
    with platform_scope(PlatformWork.PLUGIN_DIRECTORY, actor=system_actor("tests")):
        assert PlatformPluginSettings.objects.filter(pk="webhooks").count() == 0

    reference = json.dumps({"signing_secret": {"$env": "WEBHOOK_KEY"}})
    operator.post(f"{PLUGINS}webhooks/", {"config": config, "secrets": reference})
    operator.post(f"{PLUGINS}webhooks/", {"config": config, "secrets": "{}"})
    with platform_scope(PlatformWork.PLUGIN_DIRECTORY, actor=system_actor("tests")):
        assert PlatformPluginSettings.objects.get(pk="webhooks").secrets == {}


def test_a_plugin_that_is_not_there_is_not_found(operator: Client) -> None:
    assert operator.get(f"{PLUGINS}no-such-plugin/").status_code == 404
