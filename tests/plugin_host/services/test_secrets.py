"""Secrets of plugins: stored sealed, opened for running code alone."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection

from core.actors import system_actor
from core.errors import Invalid, NotFound
from core.models import AuditEntry
from core.scope import tenant_scope
from plugin_host.base import Plugin
from plugin_host.models import PluginSecret, TenantDataKey
from plugin_host.registry import PluginRegistry
from plugin_host.selectors.plugins import secret_documents
from plugin_host.services import delete_secret, enable_plugin, save_config, save_secrets, set_secret
from plugin_host.state import PluginStatus, forget_tenant_plugins, tenant_plugins
from tenants.models import Tenant

pytestmark = pytest.mark.usefixtures("plugins")

VALUE = f"a secret {uuid4()}"


def stored_bytes() -> bytes:
    """Everything that the tenant's tables of plugins, events and audit hold, as text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(string_agg(t::text, ''), '') FROM ("
            "SELECT s::text FROM plugin_host_pluginsecret s UNION ALL SELECT s::text FROM plugin_settings s "
            "UNION ALL SELECT s::text FROM core_event s UNION ALL SELECT s::text FROM core_auditentry s) t"
        )
        return str(cursor.fetchone()[0]).encode()


def test_a_secret_is_opened_for_the_plugin_and_stands_nowhere_else(in_tenant: Tenant) -> None:
    set_secret("mailer", "token", VALUE)

    assert tenant_plugins(in_tenant.pk)["mailer"].secrets.require("token") == VALUE
    assert VALUE.encode() not in stored_bytes()
    assert VALUE.encode().hex().encode() not in stored_bytes()


def test_the_log_says_which_secret_and_never_what(in_tenant: Tenant) -> None:
    set_secret("mailer", "token", VALUE)

    entry = AuditEntry.objects.get(action="plugin.secrets_changed")
    assert entry.detail == {"secrets": ["token"], "removed": []}


def test_people_see_that_a_secret_is_set_and_by_whom(in_tenant: Tenant) -> None:
    set_secret("mailer", "token", VALUE)

    token, spare = secret_documents("mailer")

    assert (token["key"], token["is_set"], token["set_by"], token["required"]) == (
        "token",
        True,
        "tests",
        True,
    )
    assert len(token["fingerprint"]) == 8
    assert (spare["key"], spare["is_set"], spare["fingerprint"]) == ("spare", False, None)


def test_setting_again_replaces_and_makes_a_new_revision(in_tenant: Tenant) -> None:
    set_secret("mailer", "token", "first value")
    before = tenant_plugins(in_tenant.pk)["mailer"].revision

    set_secret("mailer", "token", "second value")

    entry = tenant_plugins(in_tenant.pk)["mailer"]
    assert entry.secrets.require("token") == "second value"
    assert entry.revision > before
    assert PluginSecret.objects.count() == 1


def test_a_plugin_that_loses_a_secret_it_needs_does_not_run(in_tenant: Tenant) -> None:
    save_config("mailer", {"sender": "a@example.org"})
    set_secret("mailer", "token", VALUE)
    enable_plugin("mailer")

    delete_secret("mailer", "token")

    entry = tenant_plugins(in_tenant.pk)["mailer"]
    assert entry.status is PluginStatus.NEEDS_ATTENTION
    assert [(error.pointer, error.code) for error in entry.errors] == [("/secrets/token", "required")]


def test_several_are_written_and_taken_away_at_once(in_tenant: Tenant) -> None:
    save_secrets("mailer", {"token": "first value", "spare": "x"})

    save_secrets("mailer", {"token": "second value", "spare": None})

    secrets = tenant_plugins(in_tenant.pk)["mailer"].secrets
    assert secrets.require("token") == "second value"
    assert "spare" not in secrets


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("tokn", "open sesame", "unknown"),
        ("token", "abc", "minLength"),
        ("token", "", "type"),
        ("token", "x" * 70_000, "too_long"),
    ],
)
def test_what_does_not_fit_is_refused_without_showing_it(
    in_tenant: Tenant, key: str, value: str, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        set_secret("mailer", key, value)

    (fault,) = refused.value.errors
    assert (fault.pointer, fault.code) == (f"/secrets/{key}", code)
    assert not value or value not in str(refused.value) + fault.message
    assert not PluginSecret.objects.exists()


def test_a_mistyped_secret_gets_the_right_name(in_tenant: Tenant) -> None:
    with pytest.raises(Invalid) as refused:
        set_secret("mailer", "tokn", "open sesame")

    assert "Did you mean 'token'?" in refused.value.errors[0].message


def test_a_secret_that_is_not_set_cannot_be_taken_away(in_tenant: Tenant) -> None:
    with pytest.raises(NotFound, match="is not set"):
        delete_secret("mailer", "token")


def test_tenants_seal_the_same_value_differently(tenant: Tenant, other_tenant: Tenant) -> None:
    marks = set()
    for one in (tenant, other_tenant):
        with tenant_scope(one.pk, slug=one.slug, actor=system_actor("tests")):
            set_secret("mailer", "token", VALUE)
            marks.add((PluginSecret.objects.get().fingerprint, bytes(PluginSecret.objects.get().sealed)))
            assert TenantDataKey.objects.count() == 1

    assert len(marks) == 2


def test_a_secret_moved_to_another_place_does_not_open(in_tenant: Tenant) -> None:
    set_secret("mailer", "token", VALUE)
    PluginSecret.objects.update(key="spare")
    forget_tenant_plugins()
    save_config("mailer", {"sender": "a@example.org"})
    set_secret("mailer", "token", "open sesame")

    with pytest.raises(Invalid, match="cannot be opened"):
        enable_plugin("mailer")


class Keyring(Plugin):
    """Has one secret per thing that people name."""

    name = "keyring"
    version = "1.0.0"
    SECRETS_SCHEMA = {
        "type": "object",
        "properties": {"main": {"type": "string"}},
        "patternProperties": {"^[a-z]+-key$": {"type": "string", "minLength": 4}},
        "additionalProperties": False,
    }


def test_secrets_under_names_that_fit_a_pattern(in_tenant: Tenant) -> None:
    PluginRegistry().register(Keyring)
    set_secret("keyring", "crm-key", VALUE)

    assert tenant_plugins(in_tenant.pk)["keyring"].secrets.require("crm-key") == VALUE
    assert [one["key"] for one in secret_documents("keyring")] == ["main", "crm-key"]
    for key, value in (("CRM", VALUE), ("shop-key", "abc")):
        with pytest.raises(Invalid) as caught:
            set_secret("keyring", key, value)
        assert [error.pointer for error in caught.value.errors] == [f"/secrets/{key}"]
