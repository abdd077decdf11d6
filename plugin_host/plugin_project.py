"""The project of a plugin, found from its folder: its tests and its types need no installation."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from plugin_host.discovery import GROUP


def make_findable(folder: Path) -> bool:
    """Say whether a folder is the project of a plugin, and let the plugin be found, as if it were installed."""
    named = plugins_of_project(folder)
    installed = {point.name for point in entry_points(group=GROUP)}
    if missing := {name: value for name, value in named.items() if name not in installed}:
        source = folder / "src"
        _put_on_path(source if source.is_dir() else folder, _metadata_of(missing))
    return bool(named)


def plugins_of_project(folder: Path) -> Mapping[str, str]:
    """Return the plugins that a project's pyproject.toml names as entry points."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text()).get("project", {})
        found: Any = project.get("entry-points", {}).get(GROUP, {})
    except (OSError, ValueError, AttributeError):
        return {}  # no project, or one that whoever builds it complains about
    return found if isinstance(found, Mapping) else {}


def _metadata_of(points: Mapping[str, str]) -> Path:
    """Write what an installation would leave behind into a folder that goes with this process; return it."""
    folder = Path(tempfile.mkdtemp(prefix="tenantry-plugin-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    info = folder / "plugin_under_development-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin-under-development\nVersion: 0\n")
    lines = [f"[{GROUP}]", *(f"{name} = {value}" for name, value in points.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


def _put_on_path(*folders: Path) -> None:
    paths = [str(folder) for folder in folders]
    sys.path[:0] = [path for path in paths if path not in sys.path]
    # For the processes that migrate and that try the plugins.
    os.environ["PYTHONPATH"] = os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH")])])
