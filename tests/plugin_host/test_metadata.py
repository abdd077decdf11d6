from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from packaging.version import Version

from plugin_host.base import Plugin
from plugin_host.errors import PluginLoadError
from plugin_host.metadata import (
    agreed_metadata,
    metadata_from_class,
    metadata_from_meta,
    parse_version,
)

META: dict[str, Any] = {
    "id": "task-manager",
    "name": "Task Manager",
    "version": "1.0.0",
    "author": "Your Name",
    "description": "Manage tasks linked to any collection.",
}


def problems(given: object) -> dict[str, str]:
    with pytest.raises(PluginLoadError) as caught:
        metadata_from_meta(given, found_as="task_manager")
    return {problem.subject: problem.message for problem in caught.value.problems}


def test_guides_meta_is_read() -> None:
    metadata = metadata_from_meta(META, found_as="task_manager")
    assert (metadata.id, metadata.name, metadata.version) == ("task-manager", "Task Manager", "1.0.0")
    assert (metadata.author, metadata.priority, metadata.config_version) == ("Your Name", 100, 1)
    assert metadata.config_schema is None


def test_everything_that_is_wrong_is_told_at_once() -> None:
    told = problems(
        {
            "id": "Task_Manager",
            "name": "",
            "version": "one",
            "requires_core": "soon",
            "requires_plugins": ["Other!"],
            "hosts": ["https://api.example.com/"],
            "config_version": 0,
            "migrate_config": "yes",
            "time_limits": {"dvp_content_publishd": 3, "dvp_content_published": 301},
            "priority": True,
            "config_schema": {"type": "array"},
            "secrets_schema": {"properties": {"n": {"type": "integer"}}},
            "auther": "typo",
        }
    )
    assert told["id"].endswith("begins with a letter.")
    assert told["auther"] == "PLUGIN_META has an unknown key 'auther'. Did you mean 'author'?"
    assert "what people read" in told["name"]
    assert "write it as '1.2.3'" in told["version"]
    assert "write a range of versions" in told["requires_core"]
    assert "write an id and versions" in told["requires_plugins"]
    assert "without scheme or path" in told["hosts"]
    assert "at least 1" in told["config_version"]
    assert "must be a function" in told["migrate_config"]
    assert "300 seconds at most" in told["time_limits"]
    assert "whole number" in told["priority"]
    assert "must describe an object" in told["config_schema"]
    assert "must be of type string" in told["secrets_schema"]


def test_wrong_hook_in_time_limits_gets_the_nearest_right_name() -> None:
    assert (
        "Did you mean 'dvp_content_published'?"
        in problems({**META, "time_limits": {"dvp_content_publishd": 3}})["time_limits"]
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("requires_core", 3),
        ("requires_plugins", "task-manager"),
        ("requires_plugins", 3),
        ("requires_plugins", [3]),
        ("hosts", "api.example.com"),
        ("time_limits", []),
        ("time_limits", {"dvp_execute_scheduled_task": 10}),
        ("time_limits", {"dvp_before_content_create": 3}),
        ("time_limits", {"dvp_content_published": "3"}),
        ("author", 3),
        ("config_schema", []),
        ("config_schema", {"properties": {"a": {"type": "integer", "default": "x"}}}),
        ("secrets_schema", {"properties": {"a": {"type": "string", "default": "x"}}}),
    ],
)
def test_wrong_value_is_told_under_its_key(key: str, value: object) -> None:
    assert list(problems({**META, key: value})) == [key]


def test_meta_must_be_a_dictionary_with_an_id() -> None:
    assert problems([])["PLUGIN_META"] == "PLUGIN_META must be a dictionary, not list."
    assert "needs 'id'" in problems({})["id"]


def test_requirements_are_checked_against_what_is_loaded() -> None:
    metadata = metadata_from_meta(
        {**META, "requires_core": ">=1.0,<2", "requires_plugins": ["search>=2", "mailer", "seo"]},
        found_as="task_manager",
    )
    assert metadata.core_problem("1.4.0") is None
    assert metadata.core_problem("2.0.0") is not None
    found = metadata.requirement_problems(
        {"search": Version("1.9"), "maller": Version("1"), "seo": Version("1")}
    )
    assert [problem.subject for problem in found] == ["search", "mailer"]
    assert found[0].message == (
        "Plugin task-manager needs plugin search >=2, 1.9 is loaded: install a version that fits."
    )
    assert found[1].message.endswith("install it. Did you mean 'maller'?")


def test_requirements_may_be_a_mapping() -> None:
    metadata = metadata_from_meta({**META, "requires_plugins": {"search": ">=2"}}, found_as="x")
    assert [(one.plugin_id, str(one.specifier)) for one in metadata.requires_plugins] == [("search", ">=2")]


@pytest.mark.parametrize(
    "text", ["1.0", "1.2.3", "1.0.0-beta.1", "1.0.0-rc.1+build.5", "1.0.0-nightly.3", "2!1.0"]
)
def test_versions_in_both_spellings(text: str) -> None:
    assert metadata_from_meta({**META, "version": text}, found_as="x").version == text


def test_semver_pre_release_comes_before_its_release() -> None:
    assert parse_version("1.0.0-nightly.3") < parse_version("1.0.0")
    assert parse_version("1.0.0-beta.1") == parse_version("1.0.0b1")


class Classy(Plugin):
    name = "classy-plugin"
    version = "2.0.0"
    CONFIG_SCHEMA: ClassVar[Mapping[str, Any]] = {"type": "object", "properties": {}}
    requires_plugins = ("search",)
    time_limits: ClassVar[Mapping[str, float]] = {"dvp_content_published": 300}
    config_version = 2

    def migrate_config(self, old_version: int, config: dict[str, Any]) -> dict[str, Any]:
        return {**config, "from": old_version}


def test_class_attributes_are_read() -> None:
    metadata = metadata_from_class(Classy, found_as="classy")
    assert (metadata.id, metadata.name, metadata.version) == ("classy-plugin", "Classy Plugin", "2.0.0")
    assert metadata.time_limits == {"dvp_content_published": 300.0}
    assert metadata.config_schema == {"type": "object", "properties": {}}
    assert metadata.migrate_config is not None
    assert metadata.migrate_config(1, {"a": 1}) == {"a": 1, "from": 1}


def test_class_without_migration_has_none() -> None:
    class Plain(Plugin):
        name = "plain"
        version = "1"

    assert metadata_from_class(Plain, found_as="plain").migrate_config is None


def test_class_without_a_name_says_so() -> None:
    class Nameless(Plugin):
        version = "1"

    with pytest.raises(PluginLoadError, match="Nameless needs 'name'"):
        metadata_from_class(Nameless, found_as="nameless")


def test_both_styles_must_agree_on_who_the_plugin_is() -> None:
    from_class = metadata_from_class(Classy, found_as="classy")
    same = metadata_from_meta(
        {"id": "classy-plugin", "name": "Classy!", "version": "2.0.0", "author": "A"}, found_as="classy"
    )
    both = agreed_metadata(same, from_class)
    assert (both.name, both.author, both.config_version) == ("Classy!", "A", 2)
    with pytest.raises(PluginLoadError, match="make them equal"):
        agreed_metadata(metadata_from_meta(META, found_as="classy"), from_class)
