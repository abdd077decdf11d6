"""Values on their way into a form and back."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import FieldError
from core.forms.form_schema import form_schema
from core.forms.form_values import (
    error_line,
    error_places,
    fits,
    keep_read_only,
    without_blanks,
)

SCHEMA = {
    "type": "object",
    "required": ["name", "active", "nothing"],
    "properties": {
        "name": {"type": "string", "minLength": 2},
        "active": {"type": "boolean"},
        "nothing": {"type": ["string", "null"]},
        "size": {"type": "integer", "default": 5},
        "site": {"type": "string", "format": "uri"},
        "greeting": {"type": "string", "default": "Hello"},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "rooms": {"type": "array", "items": {"type": "object", "properties": {"nr": {"type": "integer"}}}},
        "contact": {"type": "object", "required": ["mail"], "properties": {"mail": {"type": "string"}}},
        "features": {"type": "array", "items": {"enum": ["a", "b"]}, "default": ["a"]},
        "id": {"type": "string", "readOnly": True},
    },
}
NODE = form_schema(SCHEMA)


def test_untouched_inputs_are_not_values() -> None:
    posted = {
        "name": "",
        "active": None,
        "nothing": "",
        "size": None,
        "site": "",
        "greeting": "",
        "tags": ["", ""],
        "rooms": [{"nr": None}, {"nr": 4}],
        "contact": {"mail": ""},
        "features": [],
        "id": "",
    }

    assert without_blanks(NODE, posted) == {
        "active": False,
        "nothing": None,
        "greeting": "",
        "rooms": [{"nr": 4}],
        "features": [],
    }


def test_values_that_look_blank_are_kept() -> None:
    assert without_blanks(NODE, {"name": "ab", "size": 0, "active": False, "other": ""}) == {
        "name": "ab",
        "size": 0,
        "active": False,
        "other": "",
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, True),
        ({"size": "not yet a number", "unknown": [1]}, True),
        ([], False),
        ({"tags": "one"}, False),
        ({"contact": "ada@x.test"}, False),
        ({"name": {"first": "Ada"}}, False),
        ({"features": ["c"]}, False),
    ],
)
def test_only_values_that_the_inputs_can_hold_are_shown_in_them(value: Any, shown: bool) -> None:
    assert fits(NODE, value) is shown


def test_read_only_parts_come_from_the_stored_value() -> None:
    assert keep_read_only(NODE, {"name": "new", "id": "forged"}, {"name": "old", "id": "7"}) == {
        "name": "new",
        "id": "7",
    }
    assert keep_read_only(NODE, {"id": "forged"}, {}) == {}


def test_errors_stand_beside_their_inputs() -> None:
    errors = [
        FieldError(pointer="/rooms/1/nr", message="too small"),
        FieldError(pointer="/features/0", message="not allowed"),
        FieldError(pointer="", message="something else"),
    ]

    assert error_places(NODE, errors) == {
        "rooms§1§nr": ["too small"],
        "features": ["not allowed"],
        "": ["something else"],
    }
    assert [error_line(NODE, error) for error in errors] == [
        "Rooms, row 2, Nr: too small",
        "Features, row 1: not allowed",
        "something else",
    ]
