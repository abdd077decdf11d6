"""How inline runs went, written down beside the requests that made them.

A request waits for its hooks; it shall not wait for the bookkeeping as well. So runs are kept in memory for a moment
and a thread of this process writes them: failures at once, good ones together once in a while, because those matter
only where something is counted already. What cannot be written is dropped: that a database is away is no plugin's
fault.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Final

from django.db import Error as DatabaseError
from django.db import close_old_connections, connections

from core.errors import TenantryError
from core.logging import get_logger
from plugin_host.breaker.conduct import Conduct, PluginOutcome

logger = get_logger(__name__)

_GATHER_SECONDS: Final = 1.0
_IDLE_SECONDS: Final = 10.0


class OutcomeNotes:
    """Outcomes of this process that are still to be written.

    `good` names the tenants (the number of the UUID, whose own hash is Python code) and plugins of which the last that
    is kept is that all went well, so that another run that did adds nothing.

    Args:
        write: Writes them, in the order of their ends; called from the thread.
        gather_seconds: How long good news wait for more of it.
        idle_seconds: After how long without work the thread ends, and its database connection with it.
    """

    def __init__(
        self,
        write: Callable[[Sequence[PluginOutcome]], object],
        *,
        gather_seconds: float = _GATHER_SECONDS,
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        self._write = write
        self._gather_seconds = gather_seconds
        self._idle_seconds = idle_seconds
        self._start_over()
        # A forked child has the list, but not the thread that writes it.
        os.register_at_fork(after_in_child=self._start_over)

    def _start_over(self) -> None:
        self._changed = threading.Condition()
        self._open: list[PluginOutcome] = []
        self.good: set[tuple[int, str]] = set()
        self._is_urgent = False
        self._is_writing = False
        self._thread: threading.Thread | None = None

    def add(self, outcome: PluginOutcome) -> None:
        """Keep an outcome until it is written; returns at once."""
        pair = (outcome.tenant_id.int, outcome.plugin_id)
        with self._changed:
            if outcome.conduct is not Conduct.GOOD:
                self.good.discard(pair)
            elif pair in self.good:
                return
            else:
                self.good.add(pair)
            self._open.append(outcome)
            self._is_urgent = self._is_urgent or outcome.conduct is not Conduct.GOOD
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="breaker", daemon=True)
                self._thread.start()
            if self._is_urgent:
                self._changed.notify_all()

    def settle(self, *, seconds: float = 30.0) -> bool:
        """Wait until all that was added is written; say whether it is."""
        with self._changed:
            self._is_urgent = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._open and not self._is_writing, seconds)

    def _work(self) -> None:
        try:
            while batch := self._next_batch():
                self._write_down(batch)
        finally:
            connections.close_all()
            with self._changed:
                if self._thread is threading.current_thread():
                    self._thread = None

    def _next_batch(self) -> list[PluginOutcome]:
        with self._changed:
            self._is_writing = False
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._open, self._idle_seconds):
                self._thread = None  # under the lock: whoever adds next starts another one
                return []
            self._changed.wait_for(lambda: self._is_urgent, self._gather_seconds)
            batch, self._open = self._open, []
            self.good.clear()
            self._is_urgent, self._is_writing = False, True
            return batch

    def _write_down(self, batch: Sequence[PluginOutcome]) -> None:
        close_old_connections()
        try:
            self._write(batch)
        except (DatabaseError, TenantryError) as error:
            connections.close_all()
            logger.warning("%d outcomes of inline hooks were not counted: %s", len(batch), error)
