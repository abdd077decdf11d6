"""The contract suite in a process of its own, with servers of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from django.conf import settings

_LIMIT_SECONDS: Final = 600
_TAIL: Final = 2000


def contract_problems(plugin_id: str) -> list[str]:
    """Run the suite, and return each contract that the plugin does not keep."""
    with tempfile.TemporaryDirectory(prefix="tenantry-release-") as name:
        report = Path(name, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", name]
        command += ["-p", "no:cacheprovider", "-p", "plugin_host.pytest_plugin", "-o", "asyncio_mode=auto"]
        command += ["--import-mode=importlib", "--plugin-contract", plugin_id]
        command += ["--junitxml", str(report), "-o", "junit_family=xunit1"]
        environment = {**os.environ, "PLUGINS_DIR": str(settings.PLUGINS_DIR)}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        try:
            done = subprocess.run(
                command,
                cwd=name,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=_LIMIT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return [f"The suite did not end within {_LIMIT_SECONDS} seconds."]
        if not report.exists():
            said = (done.stdout + done.stderr).strip()[-_TAIL:]
            return [f'The suite did not run; it needs pip install "tenantry[embedded,test]".\n{said}']
        return _problems_in(report)


def _problems_in(report: Path) -> list[str]:
    problems = []
    for case in ET.parse(report).iter("testcase"):
        contract = case.get("name", "").partition("[")[0].removeprefix("test_").replace("_", " ")
        problems += [
            f"{contract}: {(part.text or part.get('message') or '').strip()}"
            for part in case
            if part.tag in ("failure", "error")
        ]
    return problems
