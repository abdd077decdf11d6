"""Folders of plugins for trials, made of those in `broken_plugins`."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

BROKEN: Final = Path(__file__).resolve().parent.parent / "broken_plugins"
# They end or block the process that tries them, so they are tried apart.
DEADLY: Final = frozenset({"ends_quietly", "ends_the_process", "hangs"})


def plugins_folder(folder: Path, names: Iterable[str]) -> Path:
    """Copy these plugins into a folder of their own and return it."""
    folder.mkdir(exist_ok=True)
    for name in names:
        shutil.copytree(BROKEN / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def broken_names() -> list[str]:
    return sorted(entry.name for entry in BROKEN.iterdir() if entry.is_dir() and entry.name != "__pycache__")
