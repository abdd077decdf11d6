"""What the host does for running plugin code: effects that happen once, progress, own tasks soon, a store, SEO metrics.

Each function works on the running plugin and tenant. The plain names are for `def` code; the same names with an `a` in
front are for `async def` code, as with Django's ORM.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from asgiref.sync import sync_to_async

from plugin_host.errors import OutsideHost, PluginError
from plugin_host.hooks.seo_metrics import AppliedLearning, DiscoveredPattern, SEOMetricsPayload
from plugin_host.identifiers import is_text
from plugin_host.runtime_state import PluginRun, current_run

__all__ = [
    "aapply_learning",
    "aemit_seo_metrics",
    "aonce",
    "apply_learning",
    "aprogress",
    "arequest_run",
    "emit_seo_metrics",
    "once",
    "progress",
    "request_run",
    "store",
]

MAX_KEY_LENGTH = 200
MAX_VALUE_BYTES = 64 * 1024
# A run that waits keeps those of the schedule back, so none is asked for far ahead.
MAX_REQUEST_SECONDS = 3600.0


class RuntimeBackend(Protocol):
    """What the host brings; every method belongs to one plugin and tenant, those of `run`."""

    def once(self, run: PluginRun, key: str) -> bool:
        """Return True for the first caller with this key in `run.once_scope`, False for all others, for good."""

    def progress(self, run: PluginRun, done: int, total: int | None) -> None:
        """Show how far the run has come."""

    def request_run(self, run: PluginRun, task_id: str, after_seconds: float) -> bool:
        """Have a task of the plugin run soon; say whether it will."""

    def store_get(self, run: PluginRun, key: str) -> str | None:
        """Return the JSON text under a key, or None."""

    def store_set(self, run: PluginRun, key: str, value: str) -> None:
        """Keep a JSON text under a key."""

    def store_delete(self, run: PluginRun, key: str) -> bool:
        """Drop a key; say whether it was there."""

    def store_keys(self, run: PluginRun, prefix: str) -> list[str]:
        """Return the keys with a prefix, sorted."""

    def emit_seo_metrics(self, run: PluginRun, payload: SEOMetricsPayload) -> None:
        """Feed metrics into the pipeline: received, stored, patterns, learnings."""

    def apply_learning(
        self,
        run: PluginRun,
        pattern: DiscoveredPattern | str,
        content_id: UUID | str,
        change: Mapping[str, Any],
        expected_version: int | None,
    ) -> AppliedLearning:
        """Change a record because of a pattern, and tell plugins."""


_backend: RuntimeBackend | None = None


def set_backend(backend: RuntimeBackend | None) -> None:
    """Install the process's backend; called by the host when it starts."""
    global _backend
    _backend = backend


def once(key: str) -> bool:
    """Return True for the first call with this key, False for every later one.

    A delivery and its retries share their keys, and so do the attempts of one scheduled slot, so an effect behind
    `if once("mail"):` happens once at most: where the code fails between the two, it does not happen at all.

    Raises:
        OutsideHost: outside a running Tenantry.
    """
    backend, run = _current("once")
    return backend.once(run, _checked_key(key))


async def aonce(key: str) -> bool:
    """Do what `once` does, in `async def` code."""
    return await sync_to_async(once)(key)


def progress(done: int, total: int | None = None) -> None:
    """Show people how far the run has come.

    Raises:
        PluginError: where the numbers make no sense.
        OutsideHost: outside a running Tenantry.
    """
    if done < 0 or (total is not None and total < done):
        raise PluginError(f"progress({done}, {total}) makes no sense: 0 <= done <= total.")
    backend, run = _current("progress")
    backend.progress(run, done, total)


async def aprogress(done: int, total: int | None = None) -> None:
    """Do what `progress` does, in `async def` code."""
    await sync_to_async(progress)(done, total)


def request_run(task_id: str, *, after_seconds: float = 0.0) -> bool:
    """Ask for a run of one of the plugin's own tasks, and return whether it will come.

    However many ask, one run follows: where one waits it is kept, or comes earlier. A run that has begun does not
    count, because it may have looked already; another one follows it. So a hook can note what changed and ask, and
    the task does the work of many changes at once. The wish is kept in the database, and joins the transaction that is
    open. A run that waits for another try keeps its wait.

    Args:
        task_id: One that `dvp_register_scheduled_tasks` returned, also one with `enabled=False`.
        after_seconds: How long from now, 3600 at most.

    Returns:
        False while a person has switched the task off.

    Raises:
        NotReady: The plugin was switched on a moment ago, and has not been asked for its tasks yet.
        PluginError: There is no such task, or `after_seconds` is out of range.
        OutsideHost: outside a running Tenantry.
    """
    if not 0 <= after_seconds <= MAX_REQUEST_SECONDS:
        raise PluginError(f"after_seconds must be from 0 to {MAX_REQUEST_SECONDS:g}, not {after_seconds!r}.")
    backend, run = _current("request_run")
    return backend.request_run(run, task_id, after_seconds)


async def arequest_run(task_id: str, *, after_seconds: float = 0.0) -> bool:
    """Do what `request_run` does, in `async def` code."""
    return await sync_to_async(request_run)(task_id, after_seconds=after_seconds)


def emit_seo_metrics(payload: SEOMetricsPayload) -> None:
    """Feed search metrics in: past the filters of all plugins, stored, and searched for patterns when this returns.

    Raises:
        PluginError: They cannot be kept (no JSON, too large, inside a transaction), or another plugin refuses them.
        OutsideHost: outside a running Tenantry.
    """
    backend, run = _current("emit_seo_metrics")
    backend.emit_seo_metrics(run, payload)


async def aemit_seo_metrics(payload: SEOMetricsPayload) -> None:
    """Do what `emit_seo_metrics` does, in `async def` code."""
    await sync_to_async(emit_seo_metrics)(payload)


def apply_learning(
    pattern: DiscoveredPattern | str,
    content_id: UUID | str,
    change: Mapping[str, Any],
    *,
    expected_version: int | None = None,
) -> AppliedLearning:
    """Change fields of a record's working copy because of a pattern, and tell plugins (`dvp_learning_applied`).

    The change is this plugin's, with permission, hooks and history as everywhere. One that changes nothing is no
    learning: the answer's `change` is empty and nobody is told, so a retry does no harm.

    Args:
        pattern: As `dvp_pattern_discovered` got it, or the name of one.
        change: Field -> new value; None takes a field away, what is not named stays.
        expected_version: The version that the change was made for; it is refused where the record is at another.

    Raises:
        NotFound: The record is not there, or is another tenant's.
        Invalid: The change does not fit the schema.
        Stale: The record is at another version.
        PluginError: Another plugin refuses.
        OutsideHost: outside a running Tenantry.
    """
    backend, run = _current("apply_learning")
    return backend.apply_learning(run, pattern, content_id, change, expected_version)


async def aapply_learning(
    pattern: DiscoveredPattern | str,
    content_id: UUID | str,
    change: Mapping[str, Any],
    *,
    expected_version: int | None = None,
) -> AppliedLearning:
    """Do what `apply_learning` does, in `async def` code."""
    return await sync_to_async(apply_learning)(pattern, content_id, change, expected_version=expected_version)


class Store:
    """A small store of JSON values, each plugin's and tenant's apart: cursors, tokens, the last run's figures."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value under a key, or `default`."""
        backend, run = _current("store")
        text = backend.store_get(run, _checked_key(key))
        return default if text is None else json.loads(text)

    def set(self, key: str, value: Any) -> None:
        """Keep a JSON value of up to 64 KiB under a key.

        Raises:
            PluginError: where the value is not JSON or too large.
        """
        backend, run = _current("store")
        backend.store_set(run, _checked_key(key), _checked_value(key, value))

    def delete(self, key: str) -> bool:
        """Drop a key; return whether it was there."""
        backend, run = _current("store")
        return backend.store_delete(run, _checked_key(key))

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys with a prefix, sorted."""
        backend, run = _current("store")
        return backend.store_keys(run, prefix)

    async def aget(self, key: str, default: Any = None) -> Any:
        """Do what `get` does, in `async def` code."""
        return await sync_to_async(self.get)(key, default)

    async def aset(self, key: str, value: Any) -> None:
        """Do what `set` does, in `async def` code."""
        await sync_to_async(self.set)(key, value)

    async def adelete(self, key: str) -> bool:
        """Do what `delete` does, in `async def` code."""
        return await sync_to_async(self.delete)(key)

    async def akeys(self, prefix: str = "") -> list[str]:
        """Do what `keys` does, in `async def` code."""
        return await sync_to_async(self.keys)(prefix)


store = Store()


def _current(name: str) -> tuple[RuntimeBackend, PluginRun]:
    run = current_run()
    if _backend is None or run is None:
        raise OutsideHost(
            f"plugin_host.runtime.{name} was used outside a running Tenantry: it works in hooks, routes, pages, "
            "tasks and with the fixtures of plugin_host.testing."
        )
    return _backend, run


def _checked_key(key: str) -> str:
    if not is_text(key) or len(key) > MAX_KEY_LENGTH:
        raise PluginError(f"A key is a text of up to {MAX_KEY_LENGTH} characters, not {key!r}.")
    return key


def _checked_value(key: str, value: Any) -> str:
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise PluginError(f"The value for {key!r} is not JSON: {error}.") from error
    if len(text.encode()) > MAX_VALUE_BYTES:
        raise PluginError(f"The value for {key!r} is larger than {MAX_VALUE_BYTES // 1024} KiB.")
    return text
