"""An embedded server under supervision: its log in ours, a new start when it died."""

from __future__ import annotations

from typing import Final

from cms_project.embedded import EmbeddedPostgres, EmbeddedValkey
from cms_project.supervisor.console import Console
from core.errors import Unavailable

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0


class Server:
    """Keeps one server running at the same address."""

    def __init__(self, name: str, server: EmbeddedPostgres | EmbeddedValkey, console: Console) -> None:
        self.name = name
        self.server = server
        self.console = console
        self._read_bytes = 0
        self._pause = FIRST_PAUSE_SECONDS
        self._next_try = 0.0

    def start(self) -> None:
        self.server.start()
        # What it says about a start that went well interests nobody; after one that failed the error quotes it.
        self._read_bytes = self.server.log_path.stat().st_size
        self.console.say(f"{self.name} is ready ({self.server.data_dir}).")

    def check(self, now: float) -> None:
        """Log what it wrote, and start it again when it is gone."""
        self._read_log()
        if self.server.pid is not None or now < self._next_try:
            return
        self.console.say(f"{self.name} is gone, starting it again.")
        try:
            self.start()
        except Unavailable as error:
            self.console.error(error.message)
            self._next_try = now + self._pause
            self._pause = min(LONGEST_PAUSE_SECONDS, self._pause * 2)
        else:
            self._pause = FIRST_PAUSE_SECONDS

    def stop(self) -> None:
        # What it says about an orderly end interests nobody.
        self._read_log()
        self.server.stop()

    def _read_log(self) -> None:
        path = self.server.log_path
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            return
        if size <= self._read_bytes:
            return
        with path.open("rb") as log:
            log.seek(self._read_bytes)
            data = log.read()
        # Half a line waits for its other half.
        whole = data[: data.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            if line.strip():
                self.console.line(self.name, line)
