"""Notices changed source files by looking at them once a second; needs nothing from the system."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

LOOK_SECONDS: Final = 1.0
SUFFIXES: Final = (".py", ".html")
IGNORED_FOLDERS: Final = {"__pycache__", "node_modules", "var"}


class CodeWatch:
    """Compares the files' times with those of the last look.

    Args:
        folders: Searched with everything below; those that do not exist (yet) count as empty.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)
        self._known = self._look()
        self._pending: set[Path] = set()

    def changes(self) -> list[Path]:
        """The files that were made, changed or removed, once they have been quiet since the last call."""
        current = self._look()
        touched = {
            path for path in current.keys() | self._known.keys() if current.get(path) != self._known.get(path)
        }
        self._known = current
        if touched:
            # An editor or a checkout may be in the middle of more.
            self._pending |= touched
            return []
        settled, self._pending = sorted(self._pending), set()
        return settled

    def _look(self) -> dict[Path, tuple[int, int]]:
        return {path: state for folder in self.folders for path, state in _files(folder)}


def _files(folder: Path) -> list[tuple[Path, tuple[int, int]]]:
    found: list[tuple[Path, tuple[int, int]]] = []
    for root, names, files in os.walk(folder):
        names[:] = [name for name in names if name not in IGNORED_FOLDERS and not name.startswith(".")]
        for name in files:
            if not name.endswith(SUFFIXES):
                continue
            path = Path(root, name)
            try:
                info = path.stat()
            except FileNotFoundError:
                # Removed since it was listed, or a link to nowhere.
                continue
            found.append((path, (info.st_mtime_ns, info.st_size)))
    return found
