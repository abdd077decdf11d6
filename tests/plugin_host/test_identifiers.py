from __future__ import annotations

import pytest

from plugin_host.identifiers import (
    app_label,
    did_you_mean,
    is_local_path,
    is_nav_id,
    is_plugin_id,
    is_topic,
    is_whole_number,
    item_problem,
    nearest,
    route_prefix,
)


@pytest.mark.parametrize("name", ["ab", "task-manager", "s3-static-deployer", "a" + "b" * 62])
def test_plugin_ids(name: str) -> None:
    assert is_plugin_id(name)


@pytest.mark.parametrize(
    "name", ["", "a", "Task", "task_manager", "1st", "-x", "a" * 64, "a b", "ab\n", None, 3]
)
def test_what_is_no_plugin_id(name: object) -> None:
    assert not is_plugin_id(name)


def test_app_label_begins_the_tables() -> None:
    assert app_label("s3-static-deployer") == "plugin_s3_static_deployer"


@pytest.mark.parametrize(
    ("prefix", "clean"),
    [
        ("", "my-plugin"),
        ("/", "my-plugin"),
        ("/tasks", "tasks"),
        ("tasks/admin/", "tasks/admin"),
        ("/Tasks", None),
        ("/a//b", None),
        ("/../x", None),
        ("/a?b", None),
        (None, None),
    ],
)
def test_route_prefixes(prefix: object, clean: str | None) -> None:
    assert route_prefix(prefix, "my-plugin") == clean


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ("my-plugin.sync", None),
        ("my-plugin.sync.daily_1", None),
        ("other.sync", "must begin with 'my-plugin.', for example 'my-plugin.sync'"),
        ("sync", "for example 'my-plugin.sync'"),
        ("my-plugin.", "after the dot"),
        ("my-plugin.Daily Sync", "after the dot"),
        (3, "must be a string"),
    ],
)
def test_item_ids(item: object, told: str | None) -> None:
    problem = item_problem(item, "my-plugin", "task_id")
    assert problem is None if told is None else told in str(problem)


@pytest.mark.parametrize(
    ("url", "local"),
    [("/admin/x", True), ("//evil.example", False), ("/\\evil.example", False), ("x", False), (None, False)],
)
def test_local_paths(url: object, local: bool) -> None:
    assert is_local_path(url) is local


def test_small_checks() -> None:
    assert is_nav_id("tasks-2")
    assert not is_nav_id("Tasks")
    assert is_topic("orders.paid")
    assert not is_topic("orders paid")
    assert is_whole_number(3, at_least=3)
    assert not is_whole_number(2, at_least=3)
    assert not is_whole_number(True)


def test_nearest_right_name() -> None:
    assert nearest("enabel", ["enable", "disable"]) == "enable"
    assert nearest("zzz", ["enable"]) is None
    assert did_you_mean("enabel", ["enable"]) == " Did you mean 'enable'?"
    assert did_you_mean("zzz", ["enable"]) == ""
