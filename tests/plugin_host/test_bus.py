from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import pytest

from plugin_host import bus
from plugin_host.base import Plugin
from plugin_host.bus import Message, on_message
from plugin_host.bus.exchange import BusFailure, Exchange
from plugin_host.bus.messages import message_handlers
from plugin_host.errors import CapabilityNotFoundError, PluginError
from plugin_host.runtime_state import PluginRun, current_run, plugin_run

ACME = UUID("11111111-1111-1111-1111-111111111111")
GLOBEX = UUID("22222222-2222-2222-2222-222222222222")


class Talks(Plugin):
    name = "talks"


class Listens(Plugin):
    name = "listens"

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Message] = []

    @on_message("news")
    async def take_news(self, message: Message) -> str:
        self.heard.append(message)
        run = current_run()
        return f"{run.plugin_id if run else None} heard {message.payload}"

    @on_message("fail")
    def break_down(self, message: Message) -> None:
        raise ValueError("cannot")

    @on_message("slow")
    async def take_long(self, message: Message) -> None:
        await asyncio.sleep(30)

    @on_message("loop")
    async def go_round(self, message: Message) -> Any:
        return await self.bus.request("echo", "loop", message.payload)


class Echo(Plugin):
    name = "echo"

    @on_message("news")
    def change_payload(self, message: Message) -> Any:
        message.payload["changed"] = True
        return message.payload

    @on_message("loop")
    async def go_round(self, message: Message) -> Any:
        return await self.bus.request("listens", "loop", message.payload)


class Offers(Plugin):
    name = "offers"


class Host:
    """Two tenants; the second has fewer plugins on."""

    def __init__(self) -> None:
        self.on: dict[UUID, list[str]] = {ACME: ["talks", "listens", "echo", "offers"], GLOBEX: ["talks"]}
        self.sick: set[str] = set()
        self.instances: dict[tuple[UUID, str], Plugin] = {}
        self.failures: list[BusFailure] = []

    def enabled(self, tenant_id: UUID) -> Sequence[str]:
        return self.on[tenant_id]

    def is_healthy(self, tenant_id: UUID, plugin_id: str) -> bool:
        return plugin_id not in self.sick

    def instance(self, tenant_id: UUID, plugin_id: str) -> Plugin:
        classes = {cls.name: cls for cls in (Talks, Listens, Echo, Offers)}
        return self.instances.setdefault((tenant_id, plugin_id), classes[plugin_id]())

    def note_failure(self, failure: BusFailure) -> None:
        self.failures.append(failure)

    def enter(self, tenant_id: UUID, plugin_id: str, hook: str) -> AbstractContextManager[object]:
        return plugin_run(PluginRun(plugin_id=plugin_id, tenant_id=tenant_id, hook=hook))


@pytest.fixture(autouse=True)
def no_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start outside of a host, and leave the host's exchange to the tests that come later."""
    monkeypatch.setattr(bus, "_exchange", None)


@pytest.fixture
def host(no_exchange: None) -> Host:
    made = Host()
    bus.set_exchange(Exchange(made))
    return made


def as_plugin(plugin_id: str = "talks", tenant: UUID = ACME) -> AbstractContextManager[PluginRun]:
    return plugin_run(PluginRun(plugin_id=plugin_id, tenant_id=tenant))


async def test_broadcast_reaches_every_other_plugin_with_a_copy(host: Host) -> None:
    payload = {"n": 1}
    with as_plugin():
        assert await Talks().bus.broadcast("news", payload) == 2
    listener = host.instances[ACME, "listens"]
    assert isinstance(listener, Listens)
    (message,) = listener.heard
    assert (message.topic, message.sender, message.payload) == ("news", "talks", {"n": 1})
    assert (message.tenant_id, message.wants_reply) == (ACME, False)
    assert payload == {"n": 1}


async def test_broadcast_stays_with_the_tenant(host: Host) -> None:
    with as_plugin(tenant=GLOBEX):
        assert await Talks().bus.broadcast("news", {}) == 0
    assert (GLOBEX, "listens") not in host.instances


async def test_broadcast_survives_receivers_that_fail(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    with as_plugin():
        assert await Talks().bus.broadcast("fail") == 0
    assert "Plugin listens failed on the message 'fail' of plugin talks" in caplog.text
    # The sender's own hook has gone well.
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    (failure,) = host.failures
    assert (failure.plugin_id, failure.what, failure.error) == (
        "listens",
        "message:fail",
        "ValueError: cannot",
    )


async def test_collect_returns_the_answers_by_plugin(host: Host) -> None:
    with as_plugin():
        answers = await Talks().bus.collect("news", {"n": 1})
    assert answers == {"listens": "listens heard {'n': 1}", "echo": {"n": 1, "changed": True}}


async def test_collect_leaves_out_who_is_late(host: Host) -> None:
    with as_plugin():
        assert await Talks().bus.collect("slow", timeout_seconds=0.05) == {}
    assert [(one.plugin_id, one.is_late) for one in host.failures] == [("listens", True)]


async def test_request_is_answered_in_the_receivers_context(host: Host) -> None:
    with as_plugin():
        assert await Talks().bus.request("listens", "news", 3) == "listens heard 3"
        run = current_run()
        assert run is not None
        assert run.plugin_id == "talks"


async def test_request_brings_the_receivers_failure_back(host: Host) -> None:
    with as_plugin(), pytest.raises(ValueError, match="cannot"):
        await Talks().bus.request("listens", "fail")


async def test_request_has_a_time_limit(host: Host) -> None:
    with as_plugin(), pytest.raises(PluginError, match=r"did not answer 'slow' within 0\.05 seconds"):
        await Talks().bus.request("listens", "slow", timeout_seconds=0.05)


async def test_send_reaches_one_and_does_not_raise_its_failure(host: Host) -> None:
    with as_plugin():
        await Talks().bus.send("listens", "news", 1)
        await Talks().bus.send("listens", "fail")
    listener = host.instances[ACME, "listens"]
    assert isinstance(listener, Listens)
    assert [message.payload for message in listener.heard] == [1]


@pytest.mark.parametrize(
    ("to", "topic", "told"),
    [
        ("listen", "news", "is not enabled for this tenant. Did you mean 'listens'?"),
        ("listens", "new", "handles no topic 'new'. Did you mean 'news'?"),
    ],
)
async def test_wrong_receivers_and_topics_are_told(host: Host, to: str, topic: str, told: str) -> None:
    with as_plugin():
        for way in (Talks().bus.send, Talks().bus.request):
            with pytest.raises(PluginError) as caught:
                await way(to, topic)
            assert told in caught.value.message


async def test_messages_that_go_in_circles_are_cut(host: Host) -> None:
    with as_plugin(), pytest.raises(PluginError, match="8 deep"):
        await Talks().bus.request("listens", "loop")


async def test_best_provider_has_the_lowest_priority_number(host: Host) -> None:
    for plugin, priority in (("echo", 100), ("offers", 10), ("listens", 100)):
        with as_plugin(plugin):
            await Plugin().discovery.register_capability(
                plugin_name=plugin, capability="translate", priority=priority
            )
    with as_plugin():
        assert await Talks().discovery.get_best_provider("translate") == "offers"
        host.sick.add("offers")
        assert await Talks().discovery.get_best_provider("translate") == "listens"
        assert await Talks().discovery.get_best_provider("translate", require_healthy=False) == "offers"
        host.on[ACME].remove("listens")
        assert await Talks().discovery.get_best_provider("translate") == "echo"
        host.sick.add("echo")
        with pytest.raises(CapabilityNotFoundError, match="offer it but are not healthy: offers, echo"):
            await Talks().discovery.get_best_provider("translate")


async def test_capabilities_belong_to_a_tenant(host: Host) -> None:
    with as_plugin("offers"):
        await Offers().discovery.register_capability(plugin_name="offers", capability="translate")
    with as_plugin(tenant=GLOBEX), pytest.raises(CapabilityNotFoundError, match="Enable a plugin"):
        await Talks().discovery.get_best_provider("translate")
    with as_plugin(), pytest.raises(CapabilityNotFoundError, match="Did you mean 'translate'"):
        await Talks().discovery.get_best_provider("translat")


async def test_capabilities_go_with_their_instance(host: Host) -> None:
    exchange = Exchange(host)
    bus.set_exchange(exchange)
    with as_plugin("offers"):
        await Offers().discovery.register_capability(
            plugin_name="offers", capability="translate", metadata={"languages": ["de"]}
        )
        (offer,) = await Offers().discovery.providers("translate")
        assert offer.metadata == {"languages": ["de"]}
        exchange.withdraw(ACME, "offers")
        assert await Offers().discovery.providers("translate") == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"plugin_name": "other", "capability": "x"}, "cannot register a capability for plugin 'other'"),
        ({"plugin_name": "talks", "capability": ""}, "is a name"),
        ({"plugin_name": "talks", "capability": "x", "priority": "high"}, "whole number"),
    ],
)
async def test_wrong_capabilities_are_refused(host: Host, arguments: dict[str, Any], told: str) -> None:
    with as_plugin(), pytest.raises(PluginError, match=told):
        await Talks().discovery.register_capability(**arguments)


def test_handlers_are_found_by_topic_and_clashes_told() -> None:
    assert message_handlers(Listens)["news"] == "take_news"

    class Clash(Listens):
        @on_message("news")
        def again(self, message: Message) -> None: ...

    with pytest.raises(PluginError, match="handles the topic 'news' in both"):
        message_handlers(Clash)
    with pytest.raises(PluginError, match="A topic is a name"):
        on_message("two words")
