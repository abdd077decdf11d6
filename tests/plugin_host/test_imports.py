"""A plugin package runs before Django is ready, so the SDK must import without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = [
    "plugin_host.addresses",
    "plugin_host.base",
    "plugin_host.bus",
    "plugin_host.charts",
    "plugin_host.content",
    "plugin_host.context",
    "plugin_host.encryption",
    "plugin_host.errors",
    "plugin_host.hooks.commands",
    "plugin_host.hooks.health_monitor",
    "plugin_host.hooks.publishing",
    "plugin_host.hooks.scheduled_tasks",
    "plugin_host.hooks.seo_metrics",
    "plugin_host.hookspec",
    "plugin_host.http",
    "plugin_host.metadata",
    "plugin_host.runner",
    "plugin_host.runtime",
    "plugin_host.schemas",
    "core.json_schema",
    "core.logging",
]
PROGRAM = """
import sys
for name in sys.argv[1:]:
    __import__(name)
from plugin_host.base import Plugin
Plugin().logger.info("works")
print("django.apps" in sys.modules)
"""


def test_sdk_imports_without_django() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, *MODULES],
        cwd=ROOT,
        env={"PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is(module: str) -> None:
    __import__(module)
    assert sys.modules[module].__doc__
