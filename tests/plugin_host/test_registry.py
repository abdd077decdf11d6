"""The registry of a process: built when Django is ready, and never kept empty by mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from plugin_host.registry import LoadedPlugins, loaded_plugins, use_plugins

PROJECT = Path(__file__).resolve().parents[2]


def run(script: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_bundled_plugins_are_loaded_in_this_process() -> None:
    loaded = loaded_plugins()

    assert {"task-manager", "webhooks"} <= set(loaded.plugins)
    assert loaded.failures == {}
    assert [plugin.load_order for plugin in loaded.plugins.values()] == list(range(len(loaded.plugins)))


def test_asking_too_early_is_an_error_and_spoils_nothing() -> None:
    said = run(
        "from django.conf import settings; settings.DEBUG\n"
        "from plugin_host.errors import PluginError\n"
        "from plugin_host.registry import loaded_plugins\n"
        "try:\n    loaded_plugins()\nexcept PluginError as error:\n    print(error)\n"
        "import django; django.setup()\n"
        "print(sorted(loaded_plugins().plugins)[-1])\n"
    )

    early, late = said.splitlines()
    assert early.startswith("The plugins are not loaded yet")
    assert late == "webhooks"


def test_outside_of_a_django_project_the_registry_is_empty_and_works() -> None:
    said = run(
        "import sys; sys.path.insert(0, 'plugins')\n"
        "from plugin_host.registry import PluginRegistry\n"
        "from plugin_host.base import Plugin\n"
        "class Mine(Plugin):\n    name = 'mine'\n    version = '1.0'\n"
        "registry = PluginRegistry()\n"
        "registry.register(Mine())\n"
        "registry.enable('mine')\n"
        "print(registry.get('mine').name, registry.get('webhooks'))\n",
        DJANGO_SETTINGS_MODULE="",
    )

    assert said == "mine None"


def test_another_set_of_plugins_holds_inside_its_block_only() -> None:
    before = loaded_plugins()

    with use_plugins(LoadedPlugins()) as inside:
        assert loaded_plugins() is inside

    assert loaded_plugins() is before
