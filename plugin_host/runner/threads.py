"""Threads for plugin code, leased one at a time, and given up where plugin code does not return.

A thread cannot be interrupted. One whose lease ends while its code still runs is abandoned: nobody waits for it,
another thread takes its place, and when its code returns after all, its connections are closed and it ends. So a late
answer of a database can never reach the next tenant.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

from core.logging import get_logger

_P = ParamSpec("_P")
_T = TypeVar("_T")
_logger = get_logger(__name__)


class _Item:
    __slots__ = ("call", "future")

    def __init__(self, future: Future[Any], call: Callable[[], Any]) -> None:
        self.future = future
        self.call = call

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self.call()
        except BaseException as error:  # noqa: BLE001 - a dispatch boundary: the caller gets whatever was raised
            self.future.set_exception(error)
        else:
            self.future.set_result(result)
        # The thread may now wait for long; it must not keep the last call's values alive meanwhile.
        del self.call


class _Worker:
    """One thread with a queue; belongs to the pool's idle ones, to a lease, or to nobody (abandoned)."""

    def __init__(self, pool: HookThreads, number: int) -> None:
        self.pool = pool
        self.owner = ""
        self.items: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._work, name=f"{pool.name}-{number}", daemon=True)
        self.thread.start()

    def _work(self) -> None:
        while True:
            try:
                item = self.items.get(timeout=self.pool.idle_seconds)
            except queue.Empty:
                if self.pool._retire(self):
                    break
                continue
            if item is None:
                break
            item.run()
            del item
        self.pool._ended(self)


class HookThreads:
    """A bounded set of threads.

    Args:
        size: How many may work at a time; abandoned ones do not count. One owner gets three quarters of them at most,
            so that hooks of one plugin that all hang leave some to the others.
        max_stuck: From how many abandoned ones on none is started any more.
        after_run: Called in a thread when a lease on it ends, to tidy up database connections.
        after_abandoned: Called in a thread that ends, to close database connections.
        idle_seconds: After how long without work a thread ends.
    """

    def __init__(
        self,
        size: int,
        *,
        name: str = "hook",
        max_stuck: int = 64,
        after_run: Callable[[], None] | None = None,
        after_abandoned: Callable[[], None] | None = None,
        idle_seconds: float = 60.0,
    ) -> None:
        self.size = size
        self.size_per_owner = max(1, size * 3 // 4)
        self.name = name
        self.max_stuck = max_stuck
        self.idle_seconds = idle_seconds
        self._after_run = after_run
        self._after_abandoned = after_abandoned
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._leased: set[_Worker] = set()
        self._held: Counter[str] = Counter()
        self._stuck: set[_Worker] = set()
        self._waiting: deque[Lease] = deque()
        self._started = 0

    @property
    def stuck(self) -> int:
        """How many abandoned threads have not come back."""
        return len(self._stuck)

    @property
    def working(self) -> int:
        """How many threads are leased."""
        return len(self._leased)

    def lease(self, owner: str = "") -> Lease:
        """Return a lease; the thread behind it is taken with the first call that is submitted.

        Args:
            owner: Whose code runs on it.
        """
        return Lease(self, owner)

    def close(self) -> None:
        """End the idle threads; the leased ones end when they come back."""
        with self._lock:
            idle, self._idle = self._idle, []
            self.idle_seconds = 0.05
        for worker in idle:
            worker.items.put(None)

    def _request(self, lease: Lease) -> None:
        with self._lock:
            worker = self._free_worker(lease.owner)
            if worker is None:
                self._waiting.append(lease)
                return
        lease._grant(worker)

    def _free_worker(self, owner: str) -> _Worker | None:
        if self._held[owner] >= self.size_per_owner:
            return None
        if self._idle:
            worker = self._idle.pop()
        elif len(self._leased) < self.size and len(self._stuck) < self.max_stuck:
            self._started += 1
            worker = _Worker(self, self._started)
        else:
            return None
        self._leased.add(worker)
        self._held[owner] += 1
        worker.owner = owner
        return worker

    def _let_go(self, worker: _Worker) -> None:
        self._leased.discard(worker)
        self._held[worker.owner] -= 1
        if self._held[worker.owner] <= 0:
            del self._held[worker.owner]

    def _next_served(self) -> tuple[Lease, _Worker] | None:
        """Take the lease that waits longest and whose owner has not all that it may have."""
        refused: set[str] = set()
        for lease in self._waiting:
            if lease.owner in refused:
                continue
            worker = self._free_worker(lease.owner)
            if worker is not None:
                self._waiting.remove(lease)
                return lease, worker
            refused.add(lease.owner)
        return None

    def _withdraw(self, lease: Lease) -> None:
        with self._lock, contextlib.suppress(ValueError):
            self._waiting.remove(lease)

    def _give_back(self, worker: _Worker) -> None:
        if self._after_run is not None:
            worker.items.put(_Item(Future(), self._tidy))
        with self._lock:
            self._let_go(worker)
            self._idle.append(worker)
            served = self._next_served()
        if served is not None:
            served[0]._grant(served[1])

    def _abandon(self, worker: _Worker) -> None:
        with self._lock:
            self._let_go(worker)
            self._stuck.add(worker)
            served = self._next_served()
        worker.items.put(None)  # it ends after what it does now
        if served is not None:
            served[0]._grant(served[1])

    def _retire(self, worker: _Worker) -> bool:
        with self._lock:
            if worker in self._idle and worker.items.empty():
                self._idle.remove(worker)
                return True
            return False

    def _ended(self, worker: _Worker) -> None:
        if self._after_abandoned is not None:
            self._guarded(self._after_abandoned)
        with self._lock:
            self._stuck.discard(worker)
            served = self._next_served()
        if served is not None:
            served[0]._grant(served[1])

    def _tidy(self) -> None:
        if self._after_run is not None:
            self._guarded(self._after_run)

    def _guarded(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception:
            _logger.exception("Tidying up after a hook failed")


class Lease(Executor):
    """One thread for one hook, from its first call to `release`; every call runs on that same thread, in order.

    asgiref takes it as the executor of a `ThreadSensitiveContext`, so all ORM calls of an `async def` hook share a
    connection of their own.
    """

    def __init__(self, pool: HookThreads, owner: str) -> None:
        self.owner = owner
        self._pool = pool
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._backlog: list[_Item] = []
        self._open = 0
        self._asked = False
        self._released = False

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Run a call on the lease's thread.

        Raises:
            RuntimeError: after `release`.
        """
        future: Future[_T] = Future()
        item = _Item(future, lambda: fn(*args, **kwargs))
        with self._lock:
            if self._released:
                raise RuntimeError("The hook has ended; its threads are gone.")
            self._open += 1
            ask = not self._asked
            self._asked = True
            if self._worker is None:
                self._backlog.append(item)
            else:
                self._worker.items.put(item)
        future.add_done_callback(self._closed_one)
        if ask:
            self._pool._request(self)
        return future

    def release(self) -> None:
        """Give the thread back; abandon it where a call on it has not returned."""
        with self._lock:
            if self._released:
                return
            self._released = True
            worker, busy = self._worker, self._open > 0
            waiting, self._backlog = self._backlog, []
        if worker is None:
            self._pool._withdraw(self)
            for item in waiting:
                item.future.cancel()
        elif busy:
            self._pool._abandon(worker)
        else:
            self._pool._give_back(worker)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Give the thread back; never waits for it."""
        self.release()

    def _grant(self, worker: _Worker) -> None:
        with self._lock:
            if not self._released:
                self._worker = worker
                for item in self._backlog:
                    worker.items.put(item)
                self._backlog = []
                return
        self._pool._give_back(worker)

    def _closed_one(self, future: Future[Any]) -> None:
        with self._lock:
            self._open -= 1
