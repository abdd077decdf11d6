"""`manage.py plugin check --release`: every point of the list can be missed, and each says where and what to do."""

from __future__ import annotations

import json
import shutil
import textwrap
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from plugin_host.registry import loaded_plugins
from plugin_host.release_check import check_release
from tests.plugin_host.management.commands import plugin_command

_FILES = {
    "__init__.py": """
        import time
        import requests
        from core.scope import current_actor
        from plugin_host import http
        from plugin_host.base import Plugin
        from plugin_host.hookspec import ContentLifecycleHooks
        from plugin_host.testing.contract import Example

        SEEN = []
        COUNTS = {}

        class Shabby(Plugin, ContentLifecycleHooks):
            name = "shabby"
            version = "0.1.dev1"
            CONFIG_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"title": "B"}}}

            async def dvp_content_published(self, ctx, content_id, content, metadata=None):
                print("published", content_id)
                SEEN.append(content_id)
                COUNTS[content_id] = 1
                time.sleep(1)
                try:
                    requests.post("https://example.com")
                except Exception:
                    pass
                try:
                    self.more()
                except:
                    self.logger.info("who cares")

            def more(self):
                time.sleep(0)
                try:
                    open("/etc/hosts").close()
                except OSError:
                    pass
        """,
    "migrations/0001_initial.py": "print('not looked at')\\n",
    "tests/helpers.py": "print('not looked at')\\n",
}


@pytest.fixture(scope="module")
def shabby(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plugin that works, and that nobody should publish; once it was tried, every start knows it."""
    folder = tmp_path_factory.mktemp("shabby") / "plugins"
    for name, text in _FILES.items():
        path = folder / "shabby" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip())
    return folder


def points_of(said: str) -> dict[str, list[str]]:
    points: list[dict[str, Any]] = json.loads(said)["points"]
    assert [point["is_kept"] for point in points] == [not point["problems"] for point in points]
    return {point["title"]: point["problems"] for point in points}


def test_everything_that_is_not_in_order_is_told_with_its_place(shabby: Path) -> None:
    done = plugin_command(shabby, "check", "--release", "shabby", "--without-contract", "--json")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "shabby misses 12 of 14 points" in done.stderr
    points = points_of(done.stdout)
    assert [problem.split()[0] for problem in points["No exception is swallowed"]] == [
        "shabby/__init__.py:24",
        "shabby/__init__.py:28",
    ]
    private = points["It uses public modules of Tenantry only"]
    assert [problem.split(",")[0] for problem in private] == [
        "shabby/__init__.py:3 imports core.scope",
        "shabby/__init__.py:7 imports plugin_host.testing.contract",
    ]
    assert "shabby/__init__.py:2 imports requests" in points["It calls services through plugin_host.http"][0]
    assert len(points["It writes to the log, not to the terminal"]) == 1
    assert [problem.split(":")[1] for problem in points["It keeps nothing of a tenant in the module"]] == [
        "19 changes SEEN",
        "20 changes COUNTS",
    ]
    assert [problem.split(":")[1] for problem in points["async def code does not block"]] == [
        "21 time.sleep() holds up the event loop",
        "23 requests.post() holds up the event loop",
    ]
    assert points["Each setting and secret says what it is"] == [
        "CONFIG_SCHEMA/properties/a has neither title nor description."
    ]
    assert "one of development" in points["Its version is that of a release, and the same everywhere"][0]
    assert '">=1.0.0,<2.0.0"' in points["It names the versions of Tenantry that it runs on"][0]


def test_people_read_it_as_a_list(shabby: Path) -> None:
    done = plugin_command(shabby, "check", "--release", "shabby", "--without-contract")

    assert done.returncode == 1
    assert "\nDocumentation\n" in done.stdout
    assert "  [ ] It has a README\n        README.md is missing" in done.stdout


def test_the_contract_is_a_point_of_the_list(shabby: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(shabby, tmp_path / "plugins")
    init = folder / "shabby" / "__init__.py"
    init.write_text(init.read_text().replace("SEEN.append(content_id)", 'raise ValueError("always")'))

    done = plugin_command(folder, "check", "--release", "shabby", "--json")

    (problem,) = points_of(done.stdout)["It keeps the contract of all plugins"]
    assert problem.startswith("it does what it is asked:")
    assert "ValueError: always" in problem


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--release",), "Name the plugin that is to be published"),
        (("--without-contract",), "belongs to --release"),
        (("--release", "webhoks"), "Did you mean 'webhooks'\\?"),
    ],
)
def test_wrong_use_is_told(arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        call_command("plugin", "check", *arguments)


def test_wrong_use_ends_with_1(shabby: Path) -> None:
    done = plugin_command(shabby, "check", "--release", "shaby")

    assert (done.returncode, "Did you mean 'shabby'?" in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize("name", sorted(loaded_plugins().plugins))
def test_plugins_that_come_with_tenantry_could_be_published(name: str) -> None:
    missed = {
        point.title: list(point.problems)
        for point in check_release(loaded_plugins().plugins[name], with_tests=False)
        if not point.is_kept
    }

    assert missed == {}
