"""One child process: its output line by line, its restarts with a growing pause, its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cms_project.embedded.process import die_with_parent
from cms_project.supervisor.console import Console

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
# Who lived that long did not die of its start, so the next pause is short again.
STABLE_SECONDS: Final = 30.0
READ_BYTES: Final = 65_536
READS_AT_ONCE: Final = 16
# A line without an end must not fill the memory.
LONGEST_LINE_BYTES: Final = 32_768


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run.

    Args:
        stop_seconds: How long it may take to stop before it is killed.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    stop_seconds: float = 10.0


def describe_exit(code: int) -> str:
    """Say how a process ended, in words for the log."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


class Child:
    """A program that is kept running, in a process group of its own, which ends with us."""

    def __init__(self, program: Program, console: Console) -> None:
        self.program = program
        self.console = console
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.restart_at: float | None = None
        self.failures = 0
        self.output: int | None = None
        self._buffer = b""

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it; its output can be read from the file descriptor `output`."""
        self._close_output()
        self.restart_at = None
        self.started_at = time.monotonic()
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        self.output = reader
        try:
            self.process = subprocess.Popen(
                self.program.command,
                stdin=subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                cwd=self.program.folder,
                env=dict(self.program.environment),
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509  # we have one thread
            )
        finally:
            os.close(writer)

    def read(self) -> None:
        """Move what it has written to the log; does not wait for more, and leaves the rest of a flood for later."""
        for _ in range(READS_AT_ONCE):
            if self.output is None:
                return
            try:
                data = os.read(self.output, READ_BYTES)
            except BlockingIOError:
                return
            if not data:
                self._close_output()
                return
            *lines, self._buffer = (self._buffer + data).split(b"\n")
            if len(self._buffer) > LONGEST_LINE_BYTES:
                lines.append(self._buffer)
                self._buffer = b""
            for line in lines:
                self.console.line(self.name, line.decode(errors="replace").rstrip())

    def check(self, now: float) -> None:
        """Notice its death and start it again when its pause is over."""
        if self.restart_at is not None:
            if now >= self.restart_at:
                self.start()
            return
        if self.process is None or (code := self.process.poll()) is None:
            return
        self.read()
        # What it leaves behind (pool processes, granian's workers) would hold its port and its queue.
        self.signal_group(signal.SIGKILL)
        self.failures = 1 if now - self.started_at > STABLE_SECONDS else self.failures + 1
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (self.failures - 1))
        self.console.say(f"{self.name} ended ({describe_exit(code)}), starts again in {pause:g} s.")
        self.restart_at = now + pause

    def ask_to_stop(self) -> None:
        """Let it finish what it does; `stopped` and `kill` follow."""
        self.restart_at = None
        if self.running and self.process is not None:
            self.process.terminate()

    def kill(self) -> None:
        """End it and all that it started, at once."""
        self.restart_at = None
        self.signal_group(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        self.read()
        self._close_output()

    def signal_group(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, number)
        except (ProcessLookupError, PermissionError):
            # macOS says PermissionError of a group that holds only the dead.
            return

    def _close_output(self) -> None:
        if self._buffer:
            self.console.line(self.name, self._buffer.decode(errors="replace"))
            self._buffer = b""
        if self.output is not None:
            os.close(self.output)
            self.output = None


def python_program(
    name: str, *arguments: str, environment: Mapping[str, str], folder: Path, stop_seconds: float = 10.0
) -> Program:
    """A program that runs with our own interpreter."""
    command = (sys.executable, *arguments)
    return Program(
        name=name, command=command, environment=environment, folder=folder, stop_seconds=stop_seconds
    )
