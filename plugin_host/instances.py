"""Instances of plugin classes: one per process, tenant and revision of configuration and secrets.

An instance is made at the first call that needs it, inside that call's thread and time limit. A newer revision takes
its place; the old one ends its running calls, then its `shutdown()` runs, in a thread of its own.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import inspect
import os
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from asgiref.sync import async_to_sync, sync_to_async

from core.logging import get_logger, redact
from plugin_host.base import Plugin, bind_instance
from plugin_host.bus import forget_offers
from plugin_host.errors import AuthFailed, NotReady, PluginError, PluginInitializationError
from plugin_host.runtime_state import PluginRun, plugin_run

if TYPE_CHECKING:
    from plugin_host.loading.plugin import LoadedPlugin
    from plugin_host.state import TenantPlugin, TenantPlugins

MAX_INSTANCES = 1000
# How long a process that ends waits for all `shutdown()` together.
_END_SECONDS = 5.0
_logger = get_logger(__name__)

Key = tuple[UUID, str]


@dataclass(slots=True, eq=False)
class _Entry:
    """An instance and who uses it.

    Args:
        started: Done when `initialize()` is.
        starter: Whether nobody has begun to start it.
        is_kept: Whether it outlives its users; that of a disabled plugin does not.
    """

    plugin_id: str
    revision: tuple[int, int]
    generation: object
    run: PluginRun
    instance: Plugin | None = None
    started: Future[None] = field(default_factory=Future)
    starter: bool = True
    is_kept: bool = True
    users: int = 0
    is_retired: bool = False
    is_ended: bool = False


class InstanceLease:
    """A context in which an instance is in use and is not ended."""

    def __init__(self, pool: InstancePool, plugin: LoadedPlugin, entry: TenantPlugin) -> None:
        self._pool = pool
        self._plugin = plugin
        self._wanted = entry
        self._held: _Entry | None = None
        self._prolonged = False

    def __enter__(self) -> Plugin | None:
        self._held = held = self._pool.take(self._plugin, self._wanted)
        try:
            self._pool.start(self._plugin, held)
        except BaseException:
            self.release()
            raise
        return held.instance

    def __exit__(self, *exception: object) -> None:
        if not self._prolonged:
            self.release()

    def prolong(self) -> None:
        """Keep the instance in use past the block, until `release`."""
        self._prolonged = True

    def release(self) -> None:
        """Give the instance back; safe to repeat."""
        held, self._held = self._held, None
        if held is not None:
            self._pool.give_back(held)


class InstancePool:
    """The instances of this process.

    Args:
        max_entries: The least recently used one that nobody uses makes room.
    """

    def __init__(self, max_entries: int = MAX_INSTANCES) -> None:
        self._max_entries = max_entries
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._endings: set[threading.Thread] = set()
        self._registered = False

    def __len__(self) -> int:
        return len(self._entries)

    def lease(self, plugin: LoadedPlugin, entry: TenantPlugin) -> InstanceLease:
        """Return a context with the tenant's instance; None in function style, the instance itself where one was
        registered by hand.
        """
        return InstanceLease(self, plugin, entry)

    @asynccontextmanager
    async def alease(self, plugin: LoadedPlugin, entry: TenantPlugin) -> AsyncIterator[Plugin | None]:
        """Do what `lease` does, for code on an event loop."""
        held = self.take(plugin, entry)
        try:
            await self._astart(plugin, held)
            yield held.instance
        finally:
            self.give_back(held)

    # -- the entries ---------------------------------------------------------------------------------------------

    def take(self, plugin: LoadedPlugin, wanted: TenantPlugin) -> _Entry:
        """Return the entry for a tenant's revision, or a newer one, counted as in use."""
        if plugin.own_instance is not None or plugin.cls is None:
            shared = _Entry(
                plugin.id, wanted.revision, plugin, wanted.run(), plugin.own_instance, starter=False
            )
            shared.started.set_result(None)
            return shared
        key = (wanted.tenant_id, plugin.id)
        retired = None
        with self._lock:
            self._check_process()
            entry = self._entries.get(key)
            if entry is None or entry.generation is not plugin or entry.revision < wanted.revision:
                retired = entry
                run = wanted.run(hook="initialize")
                entry = _Entry(plugin.id, wanted.revision, plugin, run, is_kept=wanted.is_on)
                self._entries[key] = entry
            self._entries.move_to_end(key)
            entry.users += 1
            crowded = self._crowded_out()
        for old in (retired, *crowded):
            if old is not None:
                self._retire(old)
        return entry

    def give_back(self, entry: _Entry) -> None:
        """Note that a user of the entry is done."""
        with self._lock:
            entry.users -= 1
            is_over = entry.users == 0 and not entry.is_kept
        if is_over:
            self.drop(entry)
            entry.is_retired = True
        self._end_if_idle(entry)

    def drop(self, entry: _Entry) -> None:
        """Forget an entry that could not be started, so that the next call tries again."""
        with self._lock:
            for key, other in list(self._entries.items()):
                if other is entry:
                    del self._entries[key]

    def retire_others(self, plugins: TenantPlugins) -> None:
        """End what the tenant has switched off or changed."""
        with self._lock:
            self._check_process()
            old = [
                (key, entry)
                for key, entry in self._entries.items()
                if key[0] == plugins.tenant_id and not _is_wanted(entry, plugins)
            ]
            for key, _ in old:
                del self._entries[key]
        for _, entry in old:
            self._retire(entry)

    def settle(self, *, wait_seconds: float = _END_SECONDS) -> None:
        """Wait until every `shutdown()` that has begun is over."""
        for thread in list(self._endings):
            thread.join(wait_seconds)

    def close(self, *, wait_seconds: float = _END_SECONDS) -> None:
        """End all instances, as when the process stops."""
        with self._lock:
            if self._pid != os.getpid():
                return
            entries = list(self._entries.values())
            self._entries.clear()
        for entry in entries:
            self._retire(entry)
        for thread in list(self._endings):
            thread.join(wait_seconds / max(1, len(self._endings)))

    def _crowded_out(self) -> list[_Entry]:
        found = []
        for key, entry in list(self._entries.items()):
            if len(self._entries) <= self._max_entries:
                break
            if entry.users == 0:
                del self._entries[key]
                found.append(entry)
        return found

    def _check_process(self) -> None:
        # A forked child has its parent's instances, whose threads and connections it has not.
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._entries.clear()
            self._endings = set()
            self._registered = False
        if not self._registered:
            self._registered = True
            atexit.register(self.close)

    # -- beginning -----------------------------------------------------------------------------------------------

    def start(self, plugin: LoadedPlugin, entry: _Entry) -> None:
        """Make the instance and run its `initialize()`, or wait for whoever does so already."""
        if not self._begins(entry):
            entry.started.result()
            return
        try:
            with _starting(entry):
                initialize = _made(plugin, entry)
                if inspect.iscoroutinefunction(initialize):
                    async_to_sync(initialize)()
                elif initialize is not None:
                    initialize()
        except BaseException as error:
            self._fail(entry, error)
            raise
        entry.started.set_result(None)

    async def _astart(self, plugin: LoadedPlugin, entry: _Entry) -> None:
        if not self._begins(entry):
            if entry.started.done():
                entry.started.result()
            else:
                await asyncio.wrap_future(entry.started)
            return
        try:
            with _starting(entry):
                initialize = _made(plugin, entry)
                if inspect.iscoroutinefunction(initialize):
                    await initialize()
                elif initialize is not None:
                    await sync_to_async(initialize)()
        except BaseException as error:
            self._fail(entry, error)
            raise
        entry.started.set_result(None)

    def _begins(self, entry: _Entry) -> bool:
        """Say whether the caller is the one that has to start the instance."""
        with self._lock:
            first, entry.starter = entry.starter, False
            return first

    def _fail(self, entry: _Entry, error: BaseException) -> None:
        self.drop(entry)
        entry.is_ended = True  # there is nothing to shut down
        if not isinstance(error, PluginError):
            # Whoever began it was stopped; that says nothing of the plugin, and the next call tries again.
            error = _unstarted(entry, f"{type(error).__name__}: {error}", permanent=False)
        entry.started.set_exception(error)

    # -- ending --------------------------------------------------------------------------------------------------

    def _retire(self, entry: _Entry) -> None:
        entry.is_retired = True
        self._end_if_idle(entry)

    def _end_if_idle(self, entry: _Entry) -> None:
        with self._lock:
            if not entry.is_retired or entry.users > 0 or entry.is_ended:
                return
            entry.is_ended = True
        shutdown = getattr(entry.instance, "shutdown", None)
        if shutdown is None:
            return
        thread = threading.Thread(
            target=self._shut_down, args=(entry, shutdown), name=f"shutdown {entry.plugin_id}", daemon=True
        )
        self._endings.add(thread)
        thread.start()

    def _shut_down(self, entry: _Entry, shutdown: Any) -> None:
        try:
            with plugin_run(entry.run):
                if inspect.iscoroutinefunction(shutdown):
                    asyncio.run(shutdown())
                else:
                    shutdown()
        except Exception:
            _logger.exception("Plugin %s failed to shut down", entry.plugin_id)
        finally:
            with contextlib.suppress(KeyError):
                self._endings.remove(threading.current_thread())


@contextmanager
def _starting(entry: _Entry) -> Iterator[None]:
    """Surround the beginning of an instance; what its code raises becomes a `PluginInitializationError`."""
    with plugin_run(entry.run):
        forget_offers(entry.run.tenant_id, entry.plugin_id)
        try:
            yield
        except (NotReady, AuthFailed, PluginInitializationError):
            raise  # they say themselves what is to be done
        except PluginError as error:
            raise _unstarted(entry, error.message, permanent=error.permanent) from error
        except Exception as error:
            text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise _unstarted(entry, text, permanent=False) from error


def _unstarted(entry: _Entry, details: str, *, permanent: bool) -> PluginInitializationError:
    return PluginInitializationError(entry.plugin_id, redact(details), permanent=permanent)


def _made(plugin: LoadedPlugin, entry: _Entry) -> Any:
    """Make the instance and return its `initialize`, or None where it has none."""
    assert plugin.cls is not None  # function style has no instances
    entry.instance = plugin.cls()
    bind_instance(entry.instance, entry.run)
    return getattr(entry.instance, "initialize", None)


def _is_wanted(entry: _Entry, plugins: TenantPlugins) -> bool:
    wanted = plugins.get(entry.plugin_id)
    plugin = plugins.loaded.plugins.get(entry.plugin_id)
    if wanted is None or plugin is not entry.generation:
        return False
    # A disabled plugin's instance is made once more, for the hook that tells it so.
    return entry.revision >= wanted.revision


instances = InstancePool()
