"""The plugin guide (docs/plugins/guide.md): its listings are plugins that work, its tables are the code's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from plugin_host.hooks.scheduled_tasks import TaskExecutionContext
from plugin_host.hookspec import HOOKS, PROTOCOLS
from plugin_host.sdk_names import fixture_names
from tests.guides.workplace import Workplace, listings, workplace
from tests.servers import PROJECT

PAGE = PROJECT / "docs/plugins/guide.md"
GUIDE = PAGE.read_text()
FILES = listings(PAGE)
# Tests of the smaller listings, which the page does not show.
MORE = Path(__file__).parent / "guide_page"
# The listing that stands alone is a module of a plugin with nothing else.
BY_HAND = {
    "by_hand_test/__init__.py": (
        'PLUGIN_META = {"id": "by-hand-test", "name": "By hand", "version": "1"}\n\n\n'
        "def register(ctx):\n    pass\n"
    ),
    "by_hand_test/tests/test_it.py": """
import by_hand
from plugin_host.registry import LoadedPlugins, PluginRegistry, use_plugins


def test_it_is_registered_and_on():
    with use_plugins(LoadedPlugins()):
        by_hand.install()
        assert PluginRegistry().get("my-plugin").version == "1.0.0"
""",
}


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """Every plugin of the page in one folder."""
    more = {f"{path.stem}/tests/test_it.py": path.read_text() for path in MORE.glob("*.py")}
    with workplace(tmp_path_factory.mktemp("guide"), "tenantry_guide_page", is_migrated=True) as made:
        made.write({**FILES, **more, **BY_HAND})
        yield made


def test_the_listings_are_plugins_that_load(author: Workplace) -> None:
    report = author.manage("plugin", "check")

    loaded = re.findall(r"^(\S+) +loaded$", report, re.MULTILINE)
    assert set(loaded) == {
        *("my-plugin", "free-plan-limit", "with-secret", "house-keeper", "careful", "weather"),
        *("by-hand-test", "reading-time"),
    }
    assert re.search(r"^s3-deployer +needs_install at init$", report, re.MULTILINE), report
    assert "pip install my-plugin[aws]" in report


def test_the_tests_of_the_page_pass(author: Workplace) -> None:
    results = author.test_results()

    assert not [f"{test}: {trouble}" for test, trouble in results.items() if trouble]
    shown = re.findall(r"^def (test_\w+)", FILES["my_plugin/tests/test_my_plugin.py"], re.MULTILINE)
    assert {test for test in results if test.startswith("my_plugin::")} == {
        f"my_plugin::{test}" for test in shown
    }
    assert {test.partition("::")[0] for test in results} == {
        "my_plugin",
        "by_hand_test",
        *(path.stem for path in MORE.glob("*.py")),
    }


def test_the_table_of_hooks_is_the_catalogues() -> None:
    rows = re.findall(r"^\| `(dvp_\w+)` \| `([^`]+)` \| (\w+) \|$", GUIDE, re.MULTILINE)

    assert rows == [
        (spec.name, ", ".join(spec.arguments[1:]), spec.kind.value)
        for spec in HOOKS.values()
        if spec.protocol == "ContentLifecycleHooks"
    ]


def test_every_protocol_is_named() -> None:
    assert set(re.findall(r"`(\w+Hooks)`", section("How plugins work"))) == {
        protocol.__name__ for protocol in PROTOCOLS
    }


def test_the_table_of_fixtures_is_the_testing_modules() -> None:
    named = {
        name
        for row in re.findall(r"^\| (`[^|]+) \|", section("Tests"), re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }

    assert named == set(fixture_names())


def test_attributes_of_a_run_are_the_classes() -> None:
    table = section("Scheduled tasks")

    assert re.findall(
        r"`(\w+)`", " ".join(re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", table, re.MULTILINE))
    ) == [field.name for field in fields(TaskExecutionContext)]


def section(title: str) -> str:
    return re.split(rf"^#+ {title}$", GUIDE, flags=re.MULTILINE)[1].partition("\n##")[0]
