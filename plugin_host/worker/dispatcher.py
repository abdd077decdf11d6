"""Keeps the slots of one worker process filled with work from one source.

A thread with an event loop of its own, for the life of the process: it claims as much due work as slots are
free, runs them beside each other, and writes the outcomes of all that ended meanwhile in one statement. A second thread
renews the leases of what runs, so neither a slow statement nor a hook that holds up the loop lets them run out.

    bell, sweep, poll --> claim --> run (32 beside each other) --> finish --> claim --> …
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, TypeVar

from django.db import Error as DatabaseError
from django.db import connections

from core.logging import get_logger
from plugin_host.worker.source import (
    ClaimLimits,
    ClaimRequest,
    LeasedWork,
    PluginOfTenant,
    WorkResult,
    WorkSource,
)

logger = get_logger(__name__)

T = TypeVar("T")

# Without a broker nobody rings; this bounds how long due work lies then.
POLL_SECONDS: Final = 5.0
# Ended hooks wait that long for others to be written with them.
_GATHER_SECONDS: Final = 0.003
_PAUSE_AFTER_FAILURE_SECONDS: Final = 1.0
_SLOW_SECONDS: Final = 2.0
_BLOCKED_SECONDS: Final = 10.0
_SAY_FULL_SECONDS: Final = 0.5

_current: ContextVar[LeasedWork | None] = ContextVar("tenantry_leased_work", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatcherSettings:
    """How a dispatcher works; tests shorten the times.

    Args:
        blocked_seconds: For how long a hook may hold up the event loop before the process has to go.
    """

    slots: int = 32
    lease_seconds: float = 25.0
    poll_seconds: float = POLL_SECONDS
    blocked_seconds: float = _BLOCKED_SECONDS


class Dispatcher[W: LeasedWork, R: WorkResult]:
    """Runs the work of one source in this process until it is stopped.

    Args:
        source: Where the work comes from.
        worker: Names the process, for people.
        is_worn_out: Says whether the process should be replaced when its work is done.
        on_worn_out: Called, from the dispatcher's thread, once everything that ran is written.
        on_blocked: Called, from the renewing thread, when `work` has held up the event loop for too long;
            everything else was given back. Must end the process.
        on_full: Called when there was more to do than slots.
    """

    def __init__(
        self,
        source: WorkSource[W, R],
        *,
        worker: str,
        settings: DispatcherSettings | None = None,
        is_worn_out: Callable[[], bool] = lambda: False,
        on_worn_out: Callable[[], None] = lambda: None,
        on_blocked: Callable[[W | None], None] = lambda work: None,
        on_full: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._worker = worker
        self._settings = settings or DispatcherSettings()
        self._is_worn_out = is_worn_out
        self._on_worn_out = on_worn_out
        self._on_blocked = on_blocked
        self._on_full = on_full
        self._limits = ClaimLimits.for_slots(self._settings.slots)
        self._running: dict[W, asyncio.Task[None]] = {}
        self._ended: list[R] = []
        self._speeds = HookSpeeds()
        self._stopping = False
        self._stopped = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bell: asyncio.Event | None = None
        self._alive_at = time.monotonic()
        self._said_full_at = 0.0
        self._database = ThreadPoolExecutor(1, thread_name_prefix=source.name)

    # -- from outside --------------------------------------------------------------------------------------------

    @property
    def running(self) -> list[W]:
        """What runs at this moment."""
        return list(self._running)

    def start(self) -> None:
        """Begin to claim; returns at once."""
        ready = threading.Event()
        threading.Thread(
            target=self._serve, args=(ready,), name=f"{self._source.name} dispatcher", daemon=True
        ).start()
        threading.Thread(target=self._keep_leases, name=f"{self._source.name} leases", daemon=True).start()
        ready.wait()

    def wake(self) -> None:
        """Look for due work now; from any thread."""
        if self._loop is not None and self._bell is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._bell.set)

    def stop(self, *, grace_seconds: float) -> bool:
        """Claim no more, let what runs end, and give back what has not ended in time.

        Returns:
            Whether everything is written.
        """
        self._stopping = True
        self.wake()
        if self._stopped.wait(grace_seconds):
            return True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._cancel_running)
        return self._stopped.wait(5.0)

    # -- the loop ------------------------------------------------------------------------------------------------

    def _serve(self, ready: threading.Event) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve_until_stopped(ready))
        except BaseException:
            # Without another process nobody would do its work here, and nobody would notice.
            logger.critical("The dispatcher of %s broke", self._source.name, exc_info=True)
            self._on_worn_out()
            raise
        finally:
            self._stopped.set()

    async def _serve_until_stopped(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._bell = asyncio.Event()
        heartbeat = asyncio.create_task(self._beat())
        ready.set()
        # Not at once: where a hook kills a process that has just been started, Celery gives up its whole worker.
        await self._wait(self._bell)
        try:
            while not self._stopping or self._running or self._ended:
                try:
                    await self._turn(self._bell)
                except DatabaseError as error:
                    logger.warning("The %s wait for the database: %s", self._source.name, error)
                    await self._in_database(connections.close_all)
                    await asyncio.sleep(_PAUSE_AFTER_FAILURE_SECONDS)
        finally:
            heartbeat.cancel()
            await self._in_database(connections.close_all)
            self._database.shutdown(wait=False)
        self._stopped.set()
        if self._is_worn_out():
            # Now: a hook that ignores its cancellation would keep the loop from closing.
            self._on_worn_out()

    async def _turn(self, bell: asyncio.Event) -> None:
        """Write what ended, fill the slots, wait for something to happen."""
        bell.clear()
        if self._ended:
            await self._write_ended()
        if self._is_worn_out():
            self._stopping = True
        free = self._settings.slots - len(self._running)
        if free > 0 and not self._stopping:
            claimed = await self._in_database(lambda: self._claim(free))
            for work in claimed:
                self._begin(work)
            if len(claimed) == free:
                self._say_full()
        if self._stopping and not self._running and not self._ended:
            return
        await self._wait(bell)
        if self._ended and self._running:
            await asyncio.sleep(_GATHER_SECONDS)

    async def _wait(self, bell: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(bell.wait(), self._settings.poll_seconds)

    def _claim(self, free: int) -> list[W]:
        running = self.running
        return self._source.claim(
            ClaimRequest(
                limit=free,
                worker=self._worker,
                lease_seconds=self._settings.lease_seconds,
                running=[(work.tenant_id, work.plugin) for work in running],
                slow=self._speeds.slow,
                limits=self._limits,
                with_suspect=not any(work.crashes for work in running),
            )
        )

    def _say_full(self) -> None:
        now = time.monotonic()
        if now - self._said_full_at >= _SAY_FULL_SECONDS:
            self._said_full_at = now
            self._on_full()

    def _begin(self, work: W) -> None:
        task = asyncio.create_task(self._do(work))
        self._running[work] = task
        task.add_done_callback(lambda _: self._end(work))

    async def _do(self, work: W) -> None:
        _current.set(work)
        with self._speeds.measuring((work.tenant_id, work.plugin)):
            try:
                result = await self._source.run(work)
            except asyncio.CancelledError:
                result = self._source.given_back(work, "The worker stopped before the hook had ended.")
        self._ended.append(result)

    def _end(self, work: W) -> None:
        del self._running[work]
        if self._bell is not None:
            self._bell.set()

    async def _write_ended(self) -> None:
        batch, self._ended = self._ended, []
        try:
            taken = await self._in_database(lambda: self._source.finish(batch))
        except DatabaseError:
            self._ended = [*batch, *self._ended]
            raise
        for result in batch:
            if result.id not in taken:
                logger.warning(
                    "The result of %s %s came too late: its lease had run out, so it runs again.",
                    self._source.name,
                    result.id,
                )

    async def _in_database(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._database, call)

    def _cancel_running(self) -> None:
        for task in self._running.values():
            task.cancel()

    async def _beat(self) -> None:
        while True:
            self._alive_at = time.monotonic()
            await asyncio.sleep(0.25)

    # -- the renewing thread ---------------------------------------------------------------------------------------

    def _keep_leases(self) -> None:
        interval = self._settings.lease_seconds / 4
        renewed_at = time.monotonic()
        try:
            while not self._stopped.wait(min(1.0, interval)):
                now = time.monotonic()
                if now - self._alive_at > self._settings.blocked_seconds:
                    self._give_up()
                    return
                if now - renewed_at >= interval and self._renew():
                    renewed_at = now
        finally:
            connections.close_all()

    def _renew(self) -> bool:
        try:
            self._source.renew(
                [(work.id, work.token) for work in self.running], lease_seconds=self._settings.lease_seconds
            )
        except DatabaseError as error:
            logger.warning("Leases of %s could not be renewed: %s", self._source.name, error)
            connections.close_all()
            return False
        return True

    def _give_up(self) -> None:
        """A hook holds up the loop for good: hand everything else back and have the process replaced."""
        culprit = self._who_blocks()
        others = [work for work in self.running if work is not culprit]
        try:
            self._source.finish(
                [self._source.given_back(work, "Another hook blocked the process.") for work in others]
            )
        except DatabaseError as error:
            logger.warning(
                "The %s could not be given back, their leases will run out: %s", self._source.name, error
            )
        self._on_blocked(culprit)

    def _who_blocks(self) -> W | None:
        task = asyncio.current_task(self._loop)
        if task is None:
            return None
        blocking = task.get_context().get(_current)
        return next((work for work in self.running if work is blocking), None)


class HookSpeeds:
    """How long the hooks of each tenant's plugin took lately in this process."""

    def __init__(self) -> None:
        self._average: dict[PluginOfTenant, float] = {}
        self._running: dict[object, tuple[PluginOfTenant, float]] = {}

    @contextlib.contextmanager
    def measuring(self, plugin: PluginOfTenant) -> Iterator[None]:
        """Take the run in that the block is."""
        run, began = object(), time.monotonic()
        self._running[run] = (plugin, began)
        try:
            yield
        finally:
            del self._running[run]
            self.note(plugin, time.monotonic() - began)

    def note(self, plugin: PluginOfTenant, seconds: float) -> None:
        """Take a run in; a new one counts a fifth."""
        before = self._average.get(plugin, seconds)
        self._average[plugin] = before + (seconds - before) / 5

    @property
    def slow(self) -> list[PluginOfTenant]:
        """Those that take so long that they get few slots; a run that has not ended yet counts by what it took."""
        now = time.monotonic()
        slow = {plugin for plugin, seconds in list(self._average.items()) if seconds > _SLOW_SECONDS}
        slow |= {plugin for plugin, began in list(self._running.values()) if now - began > _SLOW_SECONDS}
        return list(slow)
