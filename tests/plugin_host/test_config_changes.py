from __future__ import annotations

from typing import Any

import pytest

from plugin_host.config_changes import config_changes


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1}, []),
        ({}, {"a": None}, [("added", "/a", None, None)]),
        ({"a": 1}, {}, [("removed", "/a", 1, None)]),
        ({"a": 1}, {"a": "1"}, [("changed", "/a", 1, "1")]),
        ({"a": 1}, {"a": True}, [("changed", "/a", 1, True)]),
        ({"a": [1, 2]}, {"a": [2, 1]}, [("changed", "/a", [1, 2], [2, 1])]),
        ({"a": [{"x": 1, "y": 2}]}, {"a": [{"y": 2, "x": 1}]}, []),
        (
            {"a": {"b": {"c": 1, "d": 2}}, "z": 1},
            {"a": {"b": {"c": 3}, "e": 4}, "z": 1},
            [("changed", "/a/b/c", 1, 3), ("removed", "/a/b/d", 2, None), ("added", "/a/e", None, 4)],
        ),
        ({"a": {}}, {"a": []}, [("changed", "/a", {}, [])]),
        ({"a/b": 1}, {"a/b": 2}, [("changed", "/a~1b", 1, 2)]),
    ],
)
def test_every_key_that_differs(
    before: dict[str, Any], after: dict[str, Any], changes: list[tuple[str, str, Any, Any]]
) -> None:
    found = config_changes(before, after)

    assert [(one.kind, one.pointer, one.before, one.after) for one in found] == changes
