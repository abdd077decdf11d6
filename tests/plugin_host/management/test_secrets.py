"""`manage.py secrets`: changing the master key while tenants use their secrets."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from core.actors import Actor, system_actor
from core.errors import Forbidden
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from plugin_host.encryption import new_master_key_entry
from plugin_host.models import TenantDataKey
from plugin_host.services import set_secret
from plugin_host.services.keys import rotate_master_key
from plugin_host.state import forget_tenant_plugins, tenant_plugins
from tenants.models import Tenant
from tests.plugin_host.services.sample import plugins

__all__ = ["plugins"]

pytestmark = pytest.mark.usefixtures("plugins", "old_keys_again")


@pytest.fixture
def old_keys_again() -> Iterator[None]:
    """Data keys under a key of this test would be unreadable to the others."""
    with platform_scope(PlatformWork.SECRET_ROTATION):
        TenantDataKey.objects.all().delete()
    yield
    with platform_scope(PlatformWork.SECRET_ROTATION):
        TenantDataKey.objects.all().delete()


def run(action: str) -> str:
    out = io.StringIO()
    call_command("secrets", action, stdout=out, stderr=out)
    return out.getvalue()


def give_secret(tenant: Tenant) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        set_secret("mailer", "token", "open sesame")


def opens(tenant: Tenant) -> bool:
    forget_tenant_plugins()
    return tenant_plugins(tenant.pk)["mailer"].secrets.get("token") == "open sesame"


def test_secrets_open_before_during_and_after_a_rotation(
    tenant: Tenant, other_tenant: Tenant, settings: Settings
) -> None:
    give_secret(tenant)
    give_secret(other_tenant)
    old = list(settings.MASTER_KEYS)
    newest = new_master_key_entry("newest")

    settings.MASTER_KEYS = [newest, *old]
    assert opens(tenant)
    assert "2 data keys were wrapped under newest" in run("rotate")
    assert opens(tenant)

    settings.MASTER_KEYS = [newest]
    assert opens(tenant)
    assert opens(other_tenant)
    assert "0 data keys were wrapped" in run("rotate")


def test_a_key_that_is_gone_is_named_and_the_others_are_done(tenant: Tenant, settings: Settings) -> None:
    give_secret(tenant)
    settings.MASTER_KEYS = [new_master_key_entry("newest")]

    assert "NOT CONFIGURED" in run("status")
    with pytest.raises(CommandError, match="1 data keys could not be opened"):
        run("rotate")
    assert not opens(tenant)


def test_only_operators_rotate(tenant: Tenant) -> None:
    owner = Actor(kind="user", id="1", label="owner@example.org", role="owner")
    with tenant_scope(tenant.pk, actor=owner), pytest.raises(Forbidden):
        rotate_master_key()
