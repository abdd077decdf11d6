"""One log for many processes: each line with the name of its process, in its colour."""

from __future__ import annotations

import os
import re
import sys
from typing import Final, TextIO

OWN_NAME: Final = "tenantry"
_COLOURS: Final = {
    "web": 36,
    "worker": 35,
    "beat": 34,
    "postgres": 33,
    "valkey": 31,
    "prepare": 32,
    "demo": 32,
}
_NAME_WIDTH: Final = 8
# Output of a child may hold anything; only the colours of our own lines reach the terminal.
_CONTROL: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


class Console:
    """Writes whole lines.

    Args:
        colour: By default where the stream is a terminal and NO_COLOR is not set.
    """

    def __init__(self, stream: TextIO | None = None, *, colour: bool | None = None) -> None:
        self.stream = stream or sys.stdout
        self.colour = self.stream.isatty() and not os.environ.get("NO_COLOR") if colour is None else colour
        self._broken = False

    def line(self, name: str, text: str) -> None:
        """Write what a process said."""
        prefix = f"{name:<{_NAME_WIDTH}} │ "
        if self.colour:
            prefix = f"\x1b[{_COLOURS.get(name, 37)}m{prefix}\x1b[0m"
        self._write(prefix + _CONTROL.sub("", text))

    def say(self, text: str) -> None:
        """Write something of our own."""
        for part in text.splitlines() or [""]:
            self.line(OWN_NAME, part)

    def error(self, text: str) -> None:
        for part in text.splitlines():
            self._write(f"\x1b[31m{part}\x1b[0m" if self.colour else part)

    def _write(self, text: str) -> None:
        # The reader may be gone (`make run | head`, a closed terminal). That must not keep us from stopping cleanly.
        if self._broken:
            return
        try:
            self.stream.write(f"{text}\n")
            self.stream.flush()
        except (BrokenPipeError, OSError):
            self._broken = True
