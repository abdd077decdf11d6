"""Names of new plugins: what is taken, and what is offered instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import Invalid
from plugin_host.identifiers import is_plugin_id
from plugin_host.scaffold import checked_names
from tests.servers import PROJECT


@pytest.mark.parametrize(
    ("plugin_id", "package", "base", "title"),
    [
        ("my-plugin", "my_plugin", "MyPlugin", "My Plugin"),
        ("weather", "weather", "WeatherPlugin", "Weather"),
        ("s3-deployer", "s3_deployer", "S3DeployerPlugin", "S3 Deployer"),
        ("a1", "a1", "A1Plugin", "A1"),
        ("a--b", "a__b", "ABPlugin", "A B"),
    ],
)
def test_all_names_come_from_the_id(plugin_id: str, package: str, base: str, title: str) -> None:
    names = checked_names(plugin_id, plugins_dir=None)

    assert (names.id, names.package, names.base, names.title) == (plugin_id, package, base, title)
    assert (names.distribution, names.label) == (f"tenantry-{plugin_id}", f"plugin_{package}")


@pytest.mark.parametrize(
    ("wrong", "better"),
    [
        ("MyPlugin", "my-plugin"),
        ("my_plugin", "my-plugin"),
        ("My Plugin!", "my-plugin"),
        ("2nd-plugin", "nd-plugin"),
        ("my-plugin-", "my-plugin"),
        ("../my-plugin", "my-plugin"),
        ("x", "my-x"),
        ("", "my-plugin"),
        ("é", "my-plugin"),
        ("x" * 80, "x" * 63),
        ("class", "my-class"),
        ("json", "my-json"),
        ("django", "my-django"),
        ("tests", "my-tests"),
        ("plugin", "my-plugin"),
        ("host", "my-host"),
        ("core", "my-core"),
        ("webhooks", "my-webhooks"),
        ("task-manager", "my-task-manager"),
        ("reading-time", "my-reading-time"),
    ],
)
def test_a_name_that_cannot_be_used_comes_back_as_one_that_can(wrong: str, better: str) -> None:
    with pytest.raises(Invalid, match=f"Try {better!r}"):
        checked_names(wrong, plugins_dir=PROJECT / "plugins")

    assert is_plugin_id(checked_names(better, plugins_dir=PROJECT / "plugins").id)


def test_the_offered_name_is_free(tmp_path: Path) -> None:
    for taken in ("json", "my_json", "json_plugin"):
        (tmp_path / taken).mkdir()
        (tmp_path / taken / "__init__.py").touch()

    with pytest.raises(Invalid, match="Try 'my-plugin'"):
        checked_names("json", plugins_dir=tmp_path)


def test_constraint_names_fit_postgresql_and_stay_apart() -> None:
    names = checked_names("x" * 63, plugins_dir=None)

    found = {names.constraint(suffix) for suffix in ("content_key", "tenant_policy", "tenant_id_key")}

    assert {len(name) for name in found} == {63}
    assert len(found) == 3
