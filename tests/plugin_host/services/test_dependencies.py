"""Plugins that need each other, switched on and off for a tenant."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client

from core.actors import system_actor
from core.errors import Conflict, Invalid, NotFound
from core.models import AuditEntry, Event
from core.scope import tenant_scope
from plugin_host.base import Plugin
from plugin_host.dependencies import dependant_plugins, required_plugins
from plugin_host.errors import PluginLoadError
from plugin_host.models.settings import PluginSettings
from plugin_host.registry import LoadedPlugins, PluginRegistry, use_plugins
from plugin_host.services import (
    disable_plugin,
    disable_with_dependants,
    enable_plugin,
    enable_with_required,
    pause_plugin,
    save_config,
)
from plugin_host.services.dependencies import DependantPluginsOn, RequiredPluginsOff
from plugin_host.state import forget_tenant_plugins, tenant_plugins
from tenants.models import Role, Tenant
from tests.admin_people import SignIn, member_of
from tests.tenants.people import host_of, make_key_text, make_member, program

__all__ = ["member_of"]


class Ground(Plugin):
    """Needs a setting of its own."""

    name = "ground"
    version = "1.0.0"
    CONFIG_SCHEMA = {"type": "object", "properties": {"depth": {"type": "integer"}}, "required": ["depth"]}


class Walls(Plugin):
    name = "walls"
    version = "1.4.0"
    requires_plugins = ["ground"]


class Windows(Plugin):
    name = "windows"
    version = "1.0.0"
    requires_plugins = ["walls>=1.2"]


class Roof(Plugin):
    name = "roof"
    version = "1.0.0"
    requires_plugins = ["walls", "ground>=1"]


@pytest.fixture
def house(in_tenant: Tenant) -> Iterator[LoadedPlugins]:
    """Ground, walls that need it, windows and a roof that need the walls; the ground is configured."""
    with use_plugins(LoadedPlugins()) as loaded:
        for plugin in (Ground, Walls, Windows, Roof):
            PluginRegistry().register(plugin)
        save_config("ground", {"depth": 3})
        yield loaded
    forget_tenant_plugins()


def states() -> dict[str, str]:
    """Return what is on in this process, and make sure that the table says the same."""
    stored = {row.plugin_id: row.state for row in PluginSettings.objects.all()}
    tenant_id = PluginSettings.objects.values_list("tenant_id", flat=True).first()
    assert tenant_id is not None
    seen = {one.plugin_id: str(one.state) for one in tenant_plugins(tenant_id).values()}
    assert {name: seen[name] for name in stored} == stored
    return {name: state for name, state in stored.items() if state != "available"}


def test_what_needs_what_through_any_number_of_steps(house: LoadedPlugins) -> None:
    assert required_plugins(house.plugins, "roof") == ("ground", "walls")
    assert required_plugins(house.plugins, "ground") == ()
    assert dependant_plugins(house.plugins, "ground") == ("windows", "roof", "walls")
    assert dependant_plugins(house.plugins, "roof") == ()


def test_what_is_needed_and_off_is_named_and_nothing_changes(house: LoadedPlugins) -> None:
    with pytest.raises(RequiredPluginsOff) as refusal:
        enable_plugin("roof")

    assert refusal.value.plugin_ids == ("ground", "walls")
    assert "Plugin roof needs ground and walls, which are off for this tenant" in refusal.value.message
    assert [error.pointer for error in refusal.value.errors] == [
        "/with_required/ground",
        "/with_required/walls",
    ]
    assert states() == {}


def test_everything_that_is_needed_comes_on_first(house: LoadedPlugins) -> None:
    switched = enable_with_required("roof")

    assert [row.plugin_id for row in switched] == ["ground", "walls", "roof"]
    assert states() == dict.fromkeys(("ground", "walls", "roof"), "enabled")
    told = Event.objects.filter(type="plugin.enabled").order_by("id")
    assert [event.payload["plugin"] for event in told] == ["ground", "walls", "roof"]


def test_only_what_is_off_is_switched(house: LoadedPlugins) -> None:
    enable_plugin("ground")
    pause_plugin("ground")

    switched = enable_with_required("windows")

    assert [row.plugin_id for row in switched] == ["walls", "windows"]
    assert states()["ground"] == "paused"


def test_all_or_nothing(house: LoadedPlugins) -> None:
    save_config("ground", {"depth": 3})
    PluginSettings.objects.filter(plugin_id="ground").update(config={})
    forget_tenant_plugins()

    with pytest.raises(Invalid, match=r"Plugin ground cannot be enabled yet: depth is not configured"):
        enable_with_required("roof")

    assert states() == {}
    assert not Event.objects.filter(type="plugin.enabled").exists()
    assert not AuditEntry.objects.filter(action="plugin.enabled").exists()


def test_what_fails_last_takes_back_what_came_before(house: LoadedPlugins) -> None:
    enable_with_required("windows")
    disable_with_dependants("walls")
    PluginSettings.objects.filter(plugin_id="windows").update(state="paused")
    forget_tenant_plugins()

    with pytest.raises(Conflict, match="windows is paused"):
        enable_with_required("windows")

    assert states() == {"ground": "enabled", "walls": "disabled", "windows": "paused"}


def test_what_others_need_stays_on(house: LoadedPlugins) -> None:
    enable_with_required("roof")
    enable_plugin("windows")
    pause_plugin("windows")

    with pytest.raises(DependantPluginsOn) as refusal:
        disable_plugin("ground")

    assert refusal.value.plugin_ids == ("windows", "roof", "walls")
    assert "needed by windows, roof and walls, which are on" in refusal.value.message
    assert set(states().values()) == {"enabled", "paused"}


def test_dependants_go_first(house: LoadedPlugins) -> None:
    enable_with_required("roof")
    enable_plugin("windows")

    switched = disable_with_dependants("walls")

    assert [row.plugin_id for row in switched] == ["windows", "roof", "walls"]
    assert states() == {"ground": "enabled", **dict.fromkeys(("windows", "roof", "walls"), "disabled")}


def test_another_tenants_plugins_do_not_count(house: LoadedPlugins, other_tenant: Tenant) -> None:
    with tenant_scope(other_tenant.pk, actor=system_actor("tests")):
        save_config("ground", {"depth": 3})
        enable_with_required("roof")

    with pytest.raises(RequiredPluginsOff):
        enable_plugin("roof")
    enable_plugin("ground")
    disable_plugin("ground")


def test_on_in_this_process_counts(house: LoadedPlugins) -> None:
    for name in ("ground", "walls"):
        house.switch_here(name, on=True)

    enable_plugin("roof")


def test_an_unknown_plugin_gets_the_right_name(house: LoadedPlugins) -> None:
    with pytest.raises(NotFound, match="Did you mean 'roof'"):
        enable_with_required("rooof")
    with pytest.raises(NotFound, match="Did you mean 'roof'"):
        disable_with_dependants("rooof")


def test_switching_both_ways_at_once_leaves_nothing_without_what_it_needs(
    house: LoadedPlugins, in_tenant: Tenant
) -> None:
    enable_plugin("ground")
    enable_plugin("walls")

    def attempt(number: int) -> str:
        try:
            if number % 2:
                enable_plugin("windows")
            else:
                disable_plugin("walls")
        except Conflict as refusal:
            return refusal.code
        finally:
            connections.close_all()
        return "done"

    for _ in range(4):
        with ThreadPoolExecutor(6) as threads:
            runs = [threads.submit(copy_context().run, attempt, number) for number in range(6)]
            assert {run.result() for run in runs} <= {"done", "required_plugins_off", "dependant_plugins_on"}
        now = states()
        assert not (now.get("windows") == "enabled" and now["walls"] == "disabled")
        disable_with_dependants("walls")
        enable_plugin("walls")


def test_what_is_registered_by_hand_needs_the_same(house: LoadedPlugins) -> None:
    class Garden(Plugin):
        name = "garden"
        version = "1.0.0"
        requires_plugins = ["roof>=2"]

    with pytest.raises(PluginLoadError, match=r"1\.0\.0 is loaded"):
        PluginRegistry().register(Garden)


# -- where people do it ----------------------------------------------------------------------------------------------

BASE = "/api/v1/admin/plugins"
JSON = "application/json"


@pytest.fixture
def admin(in_tenant: Tenant) -> Client:
    return program(host_of(in_tenant), make_key_text(in_tenant, make_member(in_tenant, Role.ADMIN)))


def test_the_api_says_what_is_off_and_takes_all_of_it(house: LoadedPlugins, admin: Client) -> None:
    refused = admin.post(f"{BASE}/roof/enable", {}, JSON)

    assert (refused.status_code, refused.json()["code"]) == (409, "required_plugins_off")
    assert [error["pointer"] for error in refused.json()["errors"]] == [
        "/with_required/ground",
        "/with_required/walls",
    ]
    assert admin.post(f"{BASE}/roof/enable", {"with_required": "yes"}, JSON).status_code == 422
    enabled = admin.post(f"{BASE}/roof/enable", {"with_required": True}, JSON)
    assert (enabled.status_code, enabled.json()["status"]) == (200, "enabled")
    assert admin.get(f"{BASE}/ground").json()["required_by"] == ["roof", "walls", "windows"]

    refused = admin.post(f"{BASE}/ground/disable", {}, JSON)
    assert (refused.status_code, refused.json()["code"]) == (409, "dependant_plugins_on")
    assert [error["pointer"] for error in refused.json()["errors"]] == [
        "/with_dependants/roof",
        "/with_dependants/walls",
    ]
    assert admin.post(f"{BASE}/ground/disable", {"with_dependants": True}, JSON).status_code == 200
    assert set(states().values()) == {"disabled"}


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("plugin", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_the_command_line_does_the_same(house: LoadedPlugins, in_tenant: Tenant) -> None:
    with pytest.raises(CommandError, match="/with_required/walls Plugin roof needs plugin walls"):
        run("enable", "roof", "--tenant", in_tenant.slug)

    said = run("enable", "roof", "--with-required", "--tenant", in_tenant.slug)
    assert said.splitlines() == [
        "ground is on as well.",
        "walls is on as well.",
        f"roof is on for {in_tenant.slug}.",
    ]
    with pytest.raises(CommandError, match="needed by roof and walls"):
        run("disable", "ground", "--tenant", in_tenant.slug)
    said = run("disable", "ground", "--with-dependants", "--tenant", in_tenant.slug)
    assert said.splitlines() == [
        "roof is off as well.",
        "walls is off as well.",
        f"ground is off for {in_tenant.slug}.",
    ]


def test_one_click_in_the_administration(house: LoadedPlugins, in_tenant: Tenant, member_of: SignIn) -> None:
    client = member_of(in_tenant)
    page = client.get("/admin/settings/plugins/roof/").content.decode()
    assert "Switch on with Ground and Walls" in page

    # Somebody may still ask for one alone, from a page that is old by now.
    alone = client.post("/admin/settings/plugins/roof/state/", {"do": "enable"}, follow=True).content.decode()
    assert "Plugin roof needs ground and walls, which are off" in alone
    assert "<li>Plugin roof needs plugin ground, which is off.</li>" in alone
    assert states() == {}

    done = client.post("/admin/settings/plugins/roof/state/", {"do": "enable_with_required"}, follow=True)
    assert "Roof is on, and so is all that it needs." in done.content.decode()
    assert set(states().values()) == {"enabled"}

    page = client.get("/admin/settings/plugins/ground/").content.decode()
    assert "Switch off with Roof and Walls" in page
    client.post("/admin/settings/plugins/ground/state/", {"do": "disable_with_dependants"})
    assert set(states().values()) == {"disabled"}
