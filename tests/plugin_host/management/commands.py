"""`manage.py plugin` in a process of its own, with plugins of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.servers import PROJECT


def plugin_command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an action over the plugins of a folder, whatever comes of it."""
    environment = {
        **os.environ,
        "PLUGINS_DIR": str(folder),
        "TENANTRY_VAR_DIR": str(folder.parent / "var"),
    }
    command = [sys.executable, "manage.py", "plugin", *arguments]
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
