from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError

from plugin_host.breaker.conduct import Conduct, PluginOutcome
from plugin_host.breaker.notes import OutcomeNotes

TENANT = uuid4()
NEVER = 3600.0


def outcome(conduct: Conduct, *, tenant: UUID = TENANT) -> PluginOutcome:
    return PluginOutcome(
        tenant_id=tenant, plugin_id="plain", what="hook", conduct=conduct, started_at=datetime.now(UTC)
    )


class Written:
    """Where the notes go."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[str] = set()
        self.arrived = threading.Event()

    def __call__(self, batch: Sequence[PluginOutcome]) -> None:
        self.threads.add(threading.current_thread().name)
        self.batches.append([str(one.conduct) for one in batch])
        self.arrived.set()


def test_a_failure_is_written_at_once_by_another_thread() -> None:
    written = Written()
    notes = OutcomeNotes(written, gather_seconds=NEVER)

    notes.add(outcome(Conduct.FAILED))

    assert written.arrived.wait(20)
    assert written.batches == [["failed"]]
    assert written.threads == {"breaker"}


def test_good_news_wait_for_each_other_and_are_written_once() -> None:
    written = Written()
    notes = OutcomeNotes(written, gather_seconds=NEVER)

    for _ in range(1000):
        notes.add(outcome(Conduct.GOOD))
    notes.add(outcome(Conduct.GOOD, tenant=uuid4()))
    assert notes.settle()

    assert written.batches == [["good", "good"]]


def test_the_order_of_a_plugins_outcomes_is_kept() -> None:
    written = Written()
    notes = OutcomeNotes(written, gather_seconds=NEVER)
    first_is_being_written, go_on = threading.Event(), threading.Event()

    def write(batch: Sequence[PluginOutcome]) -> None:
        first_is_being_written.set()
        go_on.wait(20)
        written(batch)

    notes._write = write
    notes.add(outcome(Conduct.FAILED))
    first_is_being_written.wait(20)
    for conduct in (Conduct.FAILED, Conduct.GOOD, Conduct.GOOD, Conduct.SLOW, Conduct.GOOD):
        notes.add(outcome(conduct))
    go_on.set()
    assert notes.settle()

    assert written.batches == [["failed"], ["failed", "good", "slow", "good"]]


def test_what_cannot_be_written_is_dropped_and_the_next_is_written(
    caplog: pytest.LogCaptureFixture,
) -> None:
    written = Written()
    failing = [OperationalError("the connection is gone")]

    def write(batch: Sequence[PluginOutcome]) -> None:
        if failing:
            raise failing.pop()
        written(batch)

    notes = OutcomeNotes(write, gather_seconds=NEVER)
    notes.add(outcome(Conduct.FAILED))
    assert notes.settle()
    notes.add(outcome(Conduct.TIMED_OUT))
    assert notes.settle()

    assert written.batches == [["timed_out"]]
    assert "1 outcomes of inline hooks were not counted: the connection is gone" in caplog.text


def test_the_thread_ends_without_work_and_comes_back() -> None:
    written = Written()
    notes = OutcomeNotes(written, gather_seconds=NEVER, idle_seconds=0.01)
    notes.add(outcome(Conduct.FAILED))
    thread = notes._thread
    assert thread is not None
    thread.join(20)
    assert not thread.is_alive()

    notes.add(outcome(Conduct.SLOW))
    assert notes.settle()

    assert written.batches == [["failed"], ["slow"]]


FORKING = """
import os, sys, warnings
from uuid import uuid4

from plugin_host.breaker.conduct import Conduct, PluginOutcome
from plugin_host.breaker.notes import OutcomeNotes

warnings.simplefilter("ignore", DeprecationWarning)  # of forking with a thread, which is the point
batches = []
notes = OutcomeNotes(lambda batch: batches.append([str(one.conduct) for one in batch]), gather_seconds=3600)

def add(conduct):
    notes.add(PluginOutcome(tenant_id=uuid4(), plugin_id="plain", what="hook", conduct=conduct))

add(Conduct.GOOD)
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
add(Conduct.FAILED)
os._exit(0 if notes.settle() and batches == [["failed"]] else 1)
"""


def test_a_forked_process_begins_with_nothing() -> None:
    outcome = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, check=False)

    assert outcome.returncode == 0, outcome.stderr
