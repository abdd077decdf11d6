"""Switching plugins on and off, pausing and resuming them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from core.actors import Actor
from core.errors import Conflict, Forbidden, Invalid, NotFound, TenantryError
from core.models import AuditEntry, Event
from core.scope import acting_as, tenant_scope
from plugin_host.models import Delivery, PluginSettings, PluginState
from plugin_host.registry import LoadedPlugins
from plugin_host.services import (
    delete_secret,
    disable_plugin,
    enable_plugin,
    pause_plugin,
    resume_plugin,
    save_config,
    save_secrets,
    set_fail_open,
    set_secret,
)
from plugin_host.state import PluginStatus, tenant_plugins
from tenants.models import Tenant

pytestmark = pytest.mark.usefixtures("plugins")

EDITOR = Actor(kind="user", id="1", label="editor@example.org", role="editor")


def status(tenant: Tenant, plugin_id: str = "mailer") -> PluginStatus:
    return tenant_plugins(tenant.pk)[plugin_id].status


def configure(**secrets: str) -> None:
    save_config("mailer", {"sender": "news@example.org"})
    save_secrets("mailer", secrets or {"token": "open sesame"})


def events() -> list[tuple[str, dict[str, Any]]]:
    return [(event.type, event.payload) for event in Event.objects.order_by("id")]


def test_a_plugin_that_needs_nothing_is_on_at_once(in_tenant: Tenant) -> None:
    assert status(in_tenant, "plain") is PluginStatus.AVAILABLE

    enable_plugin("plain")

    assert status(in_tenant, "plain") is PluginStatus.ENABLED
    assert PluginSettings.objects.get().changed_by == "tests"


def test_enabling_says_everything_that_is_missing(in_tenant: Tenant) -> None:
    with pytest.raises(Invalid) as refused:
        enable_plugin("mailer")

    assert str(refused.value) == (
        "Plugin mailer cannot be enabled yet: sender is not configured; the secret token is not set."
    )
    assert [(error.pointer, error.code) for error in refused.value.errors] == [
        ("/config/sender", "required"),
        ("/secrets/token", "required"),
    ]
    assert status(in_tenant) is PluginStatus.AVAILABLE
    assert events() == []
    assert not AuditEntry.objects.exists()


def test_a_configured_plugin_is_enabled_and_told_so(in_tenant: Tenant) -> None:
    configure()

    enable_plugin("mailer")

    assert status(in_tenant) is PluginStatus.ENABLED
    kind, payload = events()[-1]
    assert kind == "plugin.enabled"
    assert payload["plugin"] == "mailer"
    assert payload["version"] == "1.2.0"
    assert [row.hook for row in Delivery.objects.filter(event_type="plugin.enabled")] == [
        "dvp_plugin_enabled"
    ]
    assert AuditEntry.objects.filter(
        action="plugin.enabled", target_id="mailer", actor="system:tests"
    ).exists()


def test_enabling_twice_changes_nothing_more(in_tenant: Tenant) -> None:
    enable_plugin("plain")
    revision = PluginSettings.objects.get().revision

    enable_plugin("plain")

    assert PluginSettings.objects.get().revision == revision
    assert [kind for kind, _ in events()] == ["plugin.enabled"]


def test_configuration_and_secrets_survive_being_off(in_tenant: Tenant) -> None:
    configure()
    enable_plugin("mailer")

    disable_plugin("mailer")
    assert status(in_tenant) is PluginStatus.DISABLED
    enable_plugin("mailer")

    entry = tenant_plugins(in_tenant.pk)["mailer"]
    assert entry.config == {"sender": "news@example.org"}
    assert entry.secrets.require("token") == "open sesame"


def test_disabling_tells_the_plugin(in_tenant: Tenant) -> None:
    configure()
    enable_plugin("mailer")

    disable_plugin("mailer")

    assert events()[-1][0] == "plugin.disabled"
    assert [row.hook for row in Delivery.objects.filter(event_type="plugin.disabled")] == [
        "dvp_plugin_disabled"
    ]


def test_a_plugin_that_was_never_on_is_not_told_that_it_is_off(in_tenant: Tenant) -> None:
    disable_plugin("plain")

    assert status(in_tenant, "plain") is PluginStatus.DISABLED
    assert events() == []


def test_a_pause_keeps_what_is_owed_and_ends(in_tenant: Tenant) -> None:
    enable_plugin("plain")

    pause_plugin("plain", reason="the other side is down")

    entry = tenant_plugins(in_tenant.pk)["plain"]
    assert (entry.status, entry.runs, entry.is_on) == (PluginStatus.PAUSED, False, True)
    assert (entry.paused_reason, entry.paused_by) == ("the other side is down", "tests")

    resume_plugin("plain")

    entry = tenant_plugins(in_tenant.pk)["plain"]
    assert (entry.status, entry.paused_reason, entry.paused_at) == (PluginStatus.ENABLED, "", None)


def test_a_pause_with_an_end_ends_by_itself(in_tenant: Tenant) -> None:
    enable_plugin("plain")
    earlier = timezone.now() - timedelta(hours=2)

    pause_plugin("plain", until=earlier + timedelta(hours=1), now=earlier)

    assert PluginSettings.objects.get().state == PluginState.PAUSED
    assert status(in_tenant, "plain") is PluginStatus.ENABLED


def test_a_pause_must_end_in_the_future(in_tenant: Tenant) -> None:
    enable_plugin("plain")

    with pytest.raises(Invalid, match="ends in the future"):
        pause_plugin("plain", until=timezone.now() - timedelta(seconds=1))

    assert status(in_tenant, "plain") is PluginStatus.ENABLED


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda: pause_plugin("plain"), "is not on"),
        (lambda: resume_plugin("plain"), "is off: enable it"),
    ],
)
def test_only_what_is_on_is_paused_and_resumed(
    in_tenant: Tenant, change: Callable[[], object], refusal: str
) -> None:
    with pytest.raises(Conflict, match=refusal):
        change()


def test_a_paused_plugin_is_resumed_and_not_enabled(in_tenant: Tenant) -> None:
    enable_plugin("plain")
    pause_plugin("plain")

    with pytest.raises(Conflict, match="paused: resume it"):
        enable_plugin("plain")


def test_gates_may_be_set_to_fail_open(in_tenant: Tenant) -> None:
    set_fail_open("plain", True)

    assert tenant_plugins(in_tenant.pk)["plain"].fail_open


@pytest.mark.parametrize(
    "change",
    [
        lambda: enable_plugin("plain"),
        lambda: disable_plugin("plain"),
        lambda: pause_plugin("plain"),
        lambda: resume_plugin("plain"),
        lambda: set_fail_open("plain", True),
        lambda: save_config("plain", {}),
        lambda: set_secret("plain", "key", "value"),
        lambda: delete_secret("plain", "key"),
    ],
)
def test_only_those_who_manage_plugins_may(in_tenant: Tenant, change: Callable[[], object]) -> None:
    with acting_as(EDITOR), pytest.raises(Forbidden):
        change()

    assert not PluginSettings.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        enable_plugin,
        disable_plugin,
        pause_plugin,
        resume_plugin,
        lambda name: save_config(name, {}),
        lambda name: set_secret(name, "key", "value"),
    ],
)
def test_a_mistyped_name_gets_the_right_one(in_tenant: Tenant, change: Callable[[str], object]) -> None:
    with pytest.raises(NotFound, match="Did you mean 'mailer'"):
        change("mialer")


def test_a_tenant_changes_its_own_alone(tenant: Tenant, other_tenant: Tenant) -> None:
    for one in (tenant, other_tenant):
        with tenant_scope(one.pk, slug=one.slug, actor=Actor(kind="system", id="tests", label="tests")):
            enable_plugin("plain")

    with tenant_scope(tenant.pk, actor=Actor(kind="system", id="tests", label="tests")):
        disable_plugin("plain")

    assert status(tenant, "plain") is PluginStatus.DISABLED
    assert status(other_tenant, "plain") is PluginStatus.ENABLED


def test_what_a_transaction_takes_back_was_never_so(
    in_tenant: Tenant, plugins: LoadedPlugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        tenant_plugins(in_tenant.pk)  # reads, and would keep, what is not so yet
        raise TenantryError("the log is full")

    monkeypatch.setattr("plugin_host.services.changing.event_recorded.send", fail)
    with pytest.raises(TenantryError, match="the log is full"):
        enable_plugin("plain")

    assert status(in_tenant, "plain") is PluginStatus.AVAILABLE
