"""Event loops that run plugin code, and the watchdog that sees when plugin code holds one up.

A coroutine that computes, or calls something that blocks, stops everything else on its loop, and no time limit on the
loop can fire. So a thread of its own asks the loop to answer, again and again while hooks run on it.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import Context, ContextVar
from dataclasses import dataclass
from typing import Any

from plugin_host.runner.handlers import Handler

_IDLE_SECONDS = 5.0

running_handler: ContextVar[Handler | None] = ContextVar("tenantry_running_handler", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockReport:
    """A loop that does not answer, and who holds it up.

    Args:
        plugin_id: Empty where the loop runs something that no hook started.
        seconds: For how long it has not answered, at least.
        stack: What the loop's thread is doing.
    """

    plugin_id: str
    hook: str
    seconds: float
    stack: str


def who_runs(loop: asyncio.AbstractEventLoop) -> Handler | None:
    """Return the handler whose code the loop is in at this moment; may be asked from any thread."""
    task = asyncio.current_task(loop)
    return task.get_context().get(running_handler) if task is not None else None


class LoopWatchdog:
    """Asks one loop to answer while hooks run on it.

    Args:
        thread_id: The loop's thread.
        threshold_seconds: How long an answer may take.
        interval_seconds: How long to wait between two questions.
        on_blocked: Called from the watchdog's thread, once per blockage.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        thread_id: int,
        *,
        on_blocked: Callable[[BlockReport], None],
        threshold_seconds: float = 0.5,
        interval_seconds: float = 0.1,
    ) -> None:
        self._loop = weakref.ref(loop)
        self._thread_id = thread_id
        self._on_blocked = on_blocked
        self._threshold = threshold_seconds
        self._interval = interval_seconds
        self._jobs = 0
        self._is_idle = False
        self._closed = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Say that one more hook runs on the loop."""
        with self._changed:
            self._jobs += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="hook-watchdog", daemon=True)
                self._thread.start()
            elif self._is_idle:
                # Only then: hooks may begin a thousand times in a second, and one question between two is enough.
                self._changed.notify()

    def end(self) -> None:
        """Say that one hook less runs on the loop."""
        with self._changed:
            self._jobs -= 1

    def close(self) -> None:
        """End the watchdog."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _watch(self) -> None:
        while self._has_work():
            loop = self._loop()
            if loop is None or not self._look(loop):
                return

    def _leave(self) -> None:
        # Under the lock; a thread that begins later may have taken the place already.
        if self._thread is threading.current_thread():
            self._thread = None

    def _look(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Ask once; say whether to go on."""
        asked = time.monotonic()
        answered = threading.Event()
        try:
            loop.call_soon_threadsafe(answered.set)
        except RuntimeError:
            return False  # the loop is closed
        if answered.wait(self._threshold):
            with self._changed:
                if not self._closed:
                    self._changed.wait(self._interval)
            return True
        self._on_blocked(self._report(loop, time.monotonic() - asked))
        while not answered.wait(1.0):
            if self._closed or loop.is_closed():
                return False
        return True

    def _has_work(self) -> bool:
        with self._changed:
            self._is_idle = True
            try:
                while self._jobs <= 0 and not self._closed:
                    # A thread that waits for ever would outlive its loop; the next hook starts another one.
                    if not self._changed.wait(_IDLE_SECONDS) and self._jobs <= 0:
                        self._leave()
                        return False
                return not self._closed
            finally:
                self._is_idle = False

    def _report(self, loop: asyncio.AbstractEventLoop, seconds: float) -> BlockReport:
        handler = who_runs(loop)
        frame = sys._current_frames().get(self._thread_id)
        return BlockReport(
            plugin_id=handler.plugin_id if handler is not None else "",
            hook=handler.hook if handler is not None else "",
            seconds=seconds,
            stack="".join(traceback.format_stack(frame)) if frame is not None else "",
        )


class LoopJob:
    """A coroutine on a `LoopThread`."""

    __slots__ = ("_loop", "_task", "_wanted", "future")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.future: Future[Any] = Future()
        self._loop = loop
        self._task: asyncio.Task[Any] | None = None
        self._wanted = True

    def start(
        self, make: Callable[[], Coroutine[Any, Any, Any]], context: Context
    ) -> asyncio.Task[Any] | None:
        if not self._wanted:
            self.future.cancel()
            return None
        self._task = self._loop.create_task(make(), context=context)
        self._task.add_done_callback(self._finish)
        return self._task

    def cancel(self) -> None:
        """Ask the coroutine to stop; returns at once."""
        self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        self._wanted = False
        if self._task is not None:
            self._task.cancel()

    def _finish(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            self.future.cancel()
        elif (error := task.exception()) is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(task.result())


class LoopThread:
    """A thread with an event loop that is kept; it ends when it is retired and its last hook has come back.

    Args:
        on_blocked: Called from the watchdog's thread.
    """

    def __init__(self, *, on_blocked: Callable[[BlockReport], None], threshold_seconds: float) -> None:
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._retired = False
        self._thread = threading.Thread(target=self._run, name="hook-loop", daemon=True)
        self._thread.start()
        assert self._thread.ident is not None  # started
        self._watchdog = LoopWatchdog(
            self._loop, self._thread.ident, on_blocked=on_blocked, threshold_seconds=threshold_seconds
        )

    @property
    def is_current(self) -> bool:
        """Whether the running code is on this loop's thread."""
        return threading.get_ident() == self._thread.ident

    def submit(self, make: Callable[[], Coroutine[Any, Any, Any]], context: Context) -> LoopJob:
        """Run the coroutine that `make` returns, in `context`."""
        job = LoopJob(self._loop)
        self._watchdog.begin()
        self._loop.call_soon_threadsafe(self._start, job, make, context)
        return job

    def answers(self, within_seconds: float) -> bool:
        """Say whether the loop is free to do something else."""
        answered = threading.Event()
        self._loop.call_soon_threadsafe(answered.set)
        return answered.wait(within_seconds)

    def who_runs(self) -> Handler | None:
        """Return the handler that holds the loop at this moment."""
        return who_runs(self._loop)

    @property
    def is_alive(self) -> bool:
        """Whether its thread has not ended."""
        return self._thread.is_alive()

    def retire(self) -> None:
        """End the thread when nothing runs on it any more; nothing may be submitted afterwards."""
        self._loop.call_soon_threadsafe(self._retire)

    def _start(self, job: LoopJob, make: Callable[[], Coroutine[Any, Any, Any]], context: Context) -> None:
        task = job.start(make, context)
        if task is None:
            self._watchdog.end()
            return
        self._tasks.add(task)  # the loop itself keeps weak references only
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._watchdog.end()
        if self._retired and not self._tasks:
            self._loop.stop()

    def _retire(self) -> None:
        self._retired = True
        if not self._tasks:
            self._loop.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        while not self._loop.is_closed():
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                # A task that a hook left behind called sys.exit(); asyncio lets that through.
                continue
            if self._retired:
                self._watchdog.close()
                self._loop.run_until_complete(self._loop.shutdown_asyncgens())
                self._loop.close()
