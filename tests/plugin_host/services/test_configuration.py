"""A tenant's configuration of a plugin, and the platform's below it."""

from __future__ import annotations

from typing import Any

import pytest

from core.actors import Actor, system_actor
from core.errors import Forbidden, Invalid, NotFound, Stale
from core.models import AuditEntry, Event, PlatformAuditEntry
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from plugin_host.base import Plugin
from plugin_host.models import (
    PlatformConfigRevision,
    PlatformPluginSettings,
    PluginConfigRevision,
    PluginSettings,
)
from plugin_host.registry import LoadedPlugins, PluginRegistry
from plugin_host.selectors.plugins import settings_document
from plugin_host.services import (
    enable_plugin,
    restore_config,
    save_config,
    save_platform_config,
    save_platform_secrets,
    set_secret,
)
from plugin_host.state import PluginStatus, forget_tenant_plugins, tenant_plugins
from tenants.models import Tenant

pytestmark = pytest.mark.usefixtures("plugins")


class Versioned(Plugin):
    """Renamed its setting in version 2 of its configuration."""

    name = "versioned"
    version = "2.0.0"
    config_version = 2
    CONFIG_SCHEMA = {
        "type": "object",
        "properties": {"address": {"type": "string"}},
        "required": ["address"],
        "additionalProperties": False,
    }

    def migrate_config(self, old_version: int, config: dict[str, Any]) -> dict[str, Any]:
        if "mail" not in config:
            raise ValueError("no mail")
        return {"address": config["mail"]}


@pytest.fixture
def clean_platform() -> Any:
    """The platform's settings are shared by all tests, so they are taken away again."""
    yield
    with platform_scope(PlatformWork.PLUGIN_DIRECTORY):
        PlatformPluginSettings.objects.all().delete()
        PlatformConfigRevision.objects.all().delete()
    forget_tenant_plugins()


def pointers(error: Invalid) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.code) for fault in error.errors]


def test_configuration_is_stored_whole_and_kept_as_a_revision(in_tenant: Tenant) -> None:
    save_config("mailer", {"sender": "a@example.org"})
    save_config("mailer", {"sender": "b@example.org", "limit": 3})

    assert tenant_plugins(in_tenant.pk)["mailer"].config == {"sender": "b@example.org", "limit": 3}
    kept = PluginConfigRevision.objects.order_by("number")
    assert [(row.number, row.config, row.changed_by) for row in kept] == [
        (1, {"sender": "a@example.org"}, "tests"),
        (2, {"sender": "b@example.org", "limit": 3}, "tests"),
    ]
    assert AuditEntry.objects.filter(action="plugin.configured").count() == 2


def test_saving_the_same_again_changes_nothing(in_tenant: Tenant) -> None:
    save_config("mailer", {"sender": "a@example.org"})
    save_config("mailer", {"sender": "a@example.org"})

    assert PluginSettings.objects.get().revision == 1
    assert AuditEntry.objects.count() == 1


def test_merging_changes_some_keys_and_takes_others_away(in_tenant: Tenant) -> None:
    save_config("mailer", {"sender": "a@example.org", "limit": 3})

    save_config("mailer", {"colour": "red", "limit": None}, merge=True)

    assert PluginSettings.objects.get().config == {"sender": "a@example.org", "colour": "red"}
    assert AuditEntry.objects.latest("id").detail == {"changed": ["colour", "limit"]}


def test_a_plugin_that_is_on_is_told_what_changed(in_tenant: Tenant) -> None:
    save_config("plain", {"a": 1, "b": 2})
    assert not Event.objects.exists()
    enable_plugin("plain")

    save_config("plain", {"a": 1, "c": 3})

    event = Event.objects.get(type="plugin.config_changed")
    assert (event.payload["plugin"], event.payload["changed"]) == ("plain", ["b", "c"])


@pytest.mark.parametrize(
    ("config", "faults"),
    [
        ({}, [("/config/sender", "required")]),
        ({"sender": "a@example.org", "limit": "many"}, [("/config/limit", "type")]),
        ({"sender": "a@example.org", "limit": 0}, [("/config/limit", "minimum")]),
        ({"sender": "a@example.org", "colr": "red"}, [("/config/colr", "unknown")]),
        ({"sender": "a\x00b"}, [("/config/sender", "character")]),
        ({"sender": "a@example.org", "colour": "\ud800"}, [("/config/colour", "character")]),
        ({"sender": {"$env": "SECRET_KEY"}}, [("/config/sender", "reference")]),
    ],
)
def test_what_does_not_fit_is_refused_with_pointers(
    in_tenant: Tenant, config: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    with pytest.raises(Invalid) as refused:
        save_config("mailer", config)

    assert pointers(refused.value) == faults
    assert not PluginSettings.objects.exists()


def test_an_unknown_setting_gets_the_right_name(in_tenant: Tenant) -> None:
    with pytest.raises(Invalid) as refused:
        save_config("mailer", {"sender": "a@example.org", "colr": "red"})

    assert "Did you mean 'colour'?" in refused.value.errors[0].message


def test_a_plugin_without_a_schema_takes_any_object(in_tenant: Tenant) -> None:
    save_config("plain", {"anything": [1, {"deep": True}]})

    assert tenant_plugins(in_tenant.pk)["plain"].config == {"anything": [1, {"deep": True}]}


def test_a_change_made_for_another_revision_is_refused(in_tenant: Tenant) -> None:
    save_config("plain", {"a": 1})

    with pytest.raises(Stale, match="at revision 1, not 7"):
        save_config("plain", {"a": 2}, expected_revision=7)

    assert PluginSettings.objects.get().config == {"a": 1}


def test_an_earlier_configuration_comes_back(in_tenant: Tenant) -> None:
    save_config("plain", {"a": 1})
    save_config("plain", {"a": 2})

    restore_config("plain", 1)

    assert PluginSettings.objects.get().config == {"a": 1}
    assert [row.number for row in PluginConfigRevision.objects.order_by("number")] == [1, 2, 3]


def test_a_number_for_a_boolean_is_a_change(in_tenant: Tenant) -> None:
    save_config("plain", {"value": True})
    save_config("plain", {"value": 1})

    assert [row.config["value"] for row in PluginConfigRevision.objects.order_by("number")] == [True, 1]
    assert PluginSettings.objects.get().config["value"] is not True


def test_a_revision_that_never_was_is_not_found(in_tenant: Tenant) -> None:
    with pytest.raises(NotFound, match="no configuration of revision 9"):
        restore_config("plain", 9)


@pytest.mark.usefixtures("clean_platform")
def test_the_platform_lies_below_the_tenant(in_tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_SENDER", "ops@example.org")
    with platform_scope(PlatformWork.PLUGIN_DIRECTORY, actor=system_actor("tests")):
        save_platform_config("mailer", {"sender": {"$env": "MAIL_SENDER"}, "limit": 50})

    assert tenant_plugins(in_tenant.pk)["mailer"].config == {"sender": "ops@example.org", "limit": 50}

    save_config("mailer", {"limit": 5})

    assert tenant_plugins(in_tenant.pk)["mailer"].config == {"sender": "ops@example.org", "limit": 5}
    assert settings_document("mailer") == {
        "plugin": "mailer",
        "revision": 1,
        "config": {"sender": {"$env": "MAIL_SENDER"}, "limit": 5},
        "own": {"limit": 5},
        "platform": {"sender": {"$env": "MAIL_SENDER"}, "limit": 50},
        "schema": settings_document("mailer")["schema"],
    }
    with platform_scope(PlatformWork.PLUGIN_DIRECTORY):
        assert PlatformAuditEntry.objects.filter(action="plugin.platform_configured").exists()


@pytest.mark.usefixtures("clean_platform")
def test_platform_secrets_are_references(in_tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_TOKEN", "from the environment")
    with platform_scope(PlatformWork.PLUGIN_DIRECTORY, actor=system_actor("tests")):
        with pytest.raises(Invalid, match="cannot be stored"):
            save_platform_secrets("mailer", {"token": "plain text"})  # type: ignore[dict-item]  # what is refused
        save_platform_secrets("mailer", {"token": {"$env": "MAIL_TOKEN"}})
    save_config("mailer", {"sender": "a@example.org"})

    enable_plugin("mailer")

    assert tenant_plugins(in_tenant.pk)["mailer"].secrets.require("token") == "from the environment"


def test_only_operators_change_the_platform(in_tenant: Tenant) -> None:
    owner = Actor(kind="user", id="1", label="owner@example.org", role="owner")
    with tenant_scope(in_tenant.pk, actor=owner), pytest.raises(Forbidden):
        save_platform_config("plain", {"a": 1})


@pytest.mark.usefixtures("clean_platform")
def test_the_platforms_values_must_fit_as_well(in_tenant: Tenant) -> None:
    with platform_scope(PlatformWork.PLUGIN_DIRECTORY, actor=system_actor("tests")):
        with pytest.raises(Invalid) as refused:
            save_platform_config("mailer", {"limit": "many", "colr": 1})

    assert sorted(pointers(refused.value)) == [("/config/colr", "unknown"), ("/config/limit", "type")]


def stored_as_version_1(config: dict[str, Any]) -> None:
    PluginSettings.objects.create(plugin_id="versioned", config=config, config_version=1, state="enabled")
    forget_tenant_plugins()


def test_older_configuration_is_migrated_when_it_is_read(in_tenant: Tenant, plugins: LoadedPlugins) -> None:
    PluginRegistry().register(Versioned)
    stored_as_version_1({"mail": "a@example.org"})

    entry = tenant_plugins(in_tenant.pk)["versioned"]

    assert (entry.status, entry.config) == (PluginStatus.ENABLED, {"address": "a@example.org"})


def test_configuration_that_cannot_be_migrated_needs_attention(
    in_tenant: Tenant, plugins: LoadedPlugins
) -> None:
    PluginRegistry().register(Versioned)
    stored_as_version_1({"other": 1})

    entry = tenant_plugins(in_tenant.pk)["versioned"]

    assert (entry.status, entry.runs, entry.is_on) == (PluginStatus.NEEDS_ATTENTION, False, True)
    assert [error.code for error in entry.errors] == ["config_version"]


def test_configuration_that_fits_no_more_needs_attention(in_tenant: Tenant) -> None:
    save_config("mailer", {"sender": "a@example.org"})
    set_secret("mailer", "token", "open sesame")
    enable_plugin("mailer")
    PluginSettings.objects.update(config={"sender": 5})
    forget_tenant_plugins()

    entry = tenant_plugins(in_tenant.pk)["mailer"]

    assert entry.status is PluginStatus.NEEDS_ATTENTION
    assert [error.pointer for error in entry.errors] == ["/config/sender"]
