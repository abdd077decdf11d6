from __future__ import annotations

import asyncio
import copy
import json
import logging
import pickle
import threading
from typing import Any
from uuid import UUID

import pytest

from plugin_host.base import Plugin, Secrets, bind_instance
from plugin_host.errors import OutsideHost, PluginError
from plugin_host.hookspec import ContentLifecycleHooks
from plugin_host.runtime_state import PluginRun, plugin_run

TENANT = UUID("11111111-1111-1111-1111-111111111111")
OTHER = UUID("22222222-2222-2222-2222-222222222222")


class Example(Plugin, ContentLifecycleHooks):
    name = "example"
    version = "1.0.0"
    CONFIG_SCHEMA = {
        "type": "object",
        "properties": {"size": {"default": 100}, "tags": {"default": ["a"]}, "endpoint": {"type": "string"}},
    }


def run(**changed: Any) -> PluginRun:
    fields: dict[str, Any] = {
        "plugin_id": "example",
        "tenant_id": TENANT,
        "config": {"endpoint": "https://x"},
    }
    return PluginRun(**{**fields, **changed})


def test_plugin_works_outside_the_host(caplog: pytest.LogCaptureFixture) -> None:
    plugin = Example()
    assert plugin.get_config(str(TENANT)) == {"size": 100, "tags": ["a"]}
    assert plugin.get_secrets(TENANT).get("token", default="none") == "none"
    with caplog.at_level(logging.INFO):
        plugin.logger.info("hello", extra={"tenant": "acme", "correlation_id": None})
    assert caplog.messages == ["hello"]
    assert caplog.records[0].name == __name__


def test_bare_plugin_can_be_made() -> None:
    assert Plugin().get_config(TENANT) == {}


def test_subclass_may_forget_to_call_the_base() -> None:
    class Forgetful(Example):
        def __init__(self) -> None:
            self.own = 1

    plugin = Forgetful()
    assert plugin.get_config(TENANT)["size"] == 100
    plugin.logger.debug("still there")


def test_config_is_a_fresh_copy_with_defaults_below() -> None:
    stored = {"tags": ["stored"], "endpoint": "https://x"}
    plugin = Example()
    with plugin_run(run(config=stored)):
        config = plugin.get_config(TENANT)
        assert config == {"size": 100, "tags": ["stored"], "endpoint": "https://x"}
        config["tags"].append("changed")
        config["size"] = 1
        assert plugin.get_config(str(TENANT)) == {"size": 100, "tags": ["stored"], "endpoint": "https://x"}
    assert stored == {"tags": ["stored"], "endpoint": "https://x"}
    assert Example.CONFIG_SCHEMA["properties"]["tags"] == {"default": ["a"]}


def test_config_is_legal_from_async_code() -> None:
    async def hook() -> dict[str, Any]:
        return await asyncio.to_thread(Example().get_config, TENANT)

    with plugin_run(run()):
        assert asyncio.run(hook())["endpoint"] == "https://x"


@pytest.mark.parametrize("ask", ["get_config", "get_secrets"])
def test_another_tenant_is_refused(ask: str) -> None:
    with plugin_run(run()), pytest.raises(PluginError, match=r"use ctx\.tenant_id") as caught:
        getattr(Example(), ask)(OTHER)
    assert caught.value.code == "foreign_tenant"


@pytest.mark.parametrize("ask", ["get_config", "get_secrets"])
def test_another_plugin_is_refused(ask: str) -> None:
    with plugin_run(run(plugin_id="other")), pytest.raises(PluginError, match="reads its own only"):
        getattr(Example(), ask)(TENANT)


def test_tenant_is_asked_for_by_its_id() -> None:
    with pytest.raises(PluginError, match="not by 'acme'"):
        Example().get_config("acme")


def test_threads_without_a_context_fall_back_to_the_instances_own() -> None:
    plugin = Example()
    bind_instance(plugin, run(config={"endpoint": "bound"}))
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(plugin.get_config(TENANT)["endpoint"]))
    thread.start()
    thread.join()
    assert found == ["bound"]
    with pytest.raises(PluginError, match=r"use ctx\.tenant_id"):
        plugin.get_config(OTHER)


def test_running_context_goes_before_the_instances_own() -> None:
    plugin = Example()
    bind_instance(plugin, run(config={"endpoint": "bound"}))
    with plugin_run(run(config={"endpoint": "running"})):
        assert plugin.get_config(TENANT)["endpoint"] == "running"


def test_secrets_are_given_to_whoever_requires_them() -> None:
    secrets = Secrets("example", {"token": "s3cret-value"})
    with plugin_run(run(secrets=secrets)):
        mine = Example().get_secrets(TENANT)
    assert mine.require("token") == "s3cret-value"
    assert mine.get("token") == "s3cret-value"
    assert mine.get("missing") == ""
    assert "token" in mine
    with pytest.raises(KeyError, match="Plugin example needs the secret 'missing'"):
        mine.require("missing")


def test_nothing_shows_a_secret() -> None:
    secrets = Secrets("example", {"token": "s3cret-value"})
    holder = run(secrets=secrets)
    for shown in (repr(secrets), str(secrets), f"{secrets!s:>5}", repr(holder), f"{[secrets]}"):
        assert "s3cret" not in shown
        assert "token" in shown
    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps(secrets)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(holder)
    assert copy.copy(secrets) is secrets
    assert copy.deepcopy(secrets) is secrets
    assert not hasattr(secrets, "__dict__")


def test_discovery_and_bus_say_that_they_need_the_host() -> None:
    plugin = Example()
    with pytest.raises(OutsideHost, match="outside a running Tenantry"):
        asyncio.run(plugin.bus.broadcast("topic"))
    with pytest.raises(OutsideHost, match="outside a running Tenantry"):
        asyncio.run(plugin.discovery.get_best_provider("translate"))


def test_logger_can_be_replaced() -> None:
    plugin = Example()
    plugin.logger = plugin.logger
    assert plugin.logger.name == __name__
