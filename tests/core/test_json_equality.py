from __future__ import annotations

from typing import Any

import pytest

from core.json_equality import same_json


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (False, 0, False),
        (True, True, True),
        (None, False, False),
        ({"a": [1, {"b": 0}]}, {"a": [1, {"b": 0}]}, True),
        ({"a": [1, {"b": 0}]}, {"a": [1, {"b": False}]}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], [1], False),
        ("1", 1, False),
    ],
)
def test_values_are_the_same_as_json_and_not_as_python(one: Any, other: Any, same: bool) -> None:
    assert same_json(one, other) is same
    assert same_json(other, one) is same
