from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import pytest

from plugin_host import runtime
from plugin_host.errors import OutsideHost, PluginError
from plugin_host.hooks.seo_metrics import AppliedLearning, DiscoveredPattern, SEOMetricsPayload
from plugin_host.runtime import (
    aemit_seo_metrics,
    aonce,
    aprogress,
    emit_seo_metrics,
    once,
    progress,
    store,
)
from plugin_host.runtime_state import PluginRun, plugin_run

TENANT = UUID("11111111-1111-1111-1111-111111111111")
PAYLOAD = SEOMetricsPayload("gsc", "example.com", {"clicks": 1})


class Memory:
    """What the database does, in dictionaries."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str, str]] = set()
        self.shown: list[tuple[int, int | None]] = []
        self.kept: dict[tuple[str, str], str] = {}
        self.metrics: list[SEOMetricsPayload] = []

    def once(self, run: PluginRun, key: str) -> bool:
        place = (run.plugin_id, run.once_scope, key)
        first = place not in self.seen
        self.seen.add(place)
        return first

    def progress(self, run: PluginRun, done: int, total: int | None) -> None:
        self.shown.append((done, total))

    def request_run(self, run: PluginRun, task_id: str, after_seconds: float) -> bool:
        return task_id.startswith(run.plugin_id)

    def store_get(self, run: PluginRun, key: str) -> str | None:
        return self.kept.get((run.plugin_id, key))

    def store_set(self, run: PluginRun, key: str, value: str) -> None:
        self.kept[run.plugin_id, key] = value

    def store_delete(self, run: PluginRun, key: str) -> bool:
        return self.kept.pop((run.plugin_id, key), None) is not None

    def store_keys(self, run: PluginRun, prefix: str) -> list[str]:
        return sorted(key for plugin, key in self.kept if plugin == run.plugin_id and key.startswith(prefix))

    def emit_seo_metrics(self, run: PluginRun, payload: SEOMetricsPayload) -> None:
        self.metrics.append(payload)

    def apply_learning(
        self,
        run: PluginRun,
        pattern: DiscoveredPattern | str,
        content_id: UUID | str,
        change: Mapping[str, Any],
        expected_version: int | None,
    ) -> AppliedLearning:
        return AppliedLearning(str(pattern), str(content_id), dict(change))


@pytest.fixture(autouse=True)
def no_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start outside of a host, and leave the host's backend to the tests that come later."""
    monkeypatch.setattr(runtime, "_backend", None)


@pytest.fixture
def memory(no_backend: None) -> Iterator[Memory]:
    made = Memory()
    runtime.set_backend(made)
    with plugin_run(PluginRun(plugin_id="p", tenant_id=TENANT, once_scope="delivery:1")):
        yield made


def test_once_is_true_once_per_scope(memory: Memory) -> None:
    assert [once("mail"), once("mail"), once("other")] == [True, False, True]
    with plugin_run(PluginRun(plugin_id="p", tenant_id=TENANT, once_scope="delivery:2")):
        assert once("mail")


def test_store_keeps_json(memory: Memory) -> None:
    store.set("cursor", {"page": 2})
    store.set("cursor:old", None)
    assert store.get("cursor") == {"page": 2}
    assert store.get("cursor:old", default=1) is None
    assert store.get("missing", default=1) == 1
    assert store.keys("cursor") == ["cursor", "cursor:old"]
    assert (store.delete("cursor"), store.delete("cursor")) == (True, False)


def test_progress_and_metrics_reach_the_host(memory: Memory) -> None:
    progress(3, 10)
    progress(4)
    emit_seo_metrics(PAYLOAD)
    assert memory.shown == [(3, 10), (4, None)]
    assert memory.metrics == [PAYLOAD]


async def test_async_names_do_the_same(memory: Memory) -> None:
    assert [await aonce("mail"), await aonce("mail")] == [True, False]
    await aprogress(1, 2)
    await aemit_seo_metrics(PAYLOAD)
    await store.aset("k", 1)
    assert await store.aget("k") == 1
    assert await store.akeys() == ["k"]
    assert await store.adelete("k")
    assert (memory.shown, memory.metrics) == ([(1, 2)], [PAYLOAD])


@pytest.mark.parametrize("call", [lambda: once("k"), lambda: store.get("k"), lambda: progress(1)])
def test_outside_the_host_it_says_so(call: Any) -> None:
    with pytest.raises(OutsideHost, match="outside a running Tenantry"):
        call()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: once(""), "A key is a text"),
        (lambda: store.get("k" * 201), "up to 200 characters"),
        (lambda: store.set("k", {1}), "is not JSON"),
        (lambda: store.set("k", float("nan")), "is not JSON"),
        (lambda: store.set("k", "x" * 70_000), "larger than 64 KiB"),
        (lambda: progress(5, 3), "makes no sense"),
        (lambda: progress(-1), "makes no sense"),
    ],
)
def test_wrong_input_is_refused(memory: Memory, call: Any, told: str) -> None:
    with pytest.raises(PluginError, match=told):
        call()
