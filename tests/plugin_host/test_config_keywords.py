"""What the `x-` keywords of a plugin's configuration find."""

from __future__ import annotations

from typing import Any

import pytest

from plugin_host.config_keywords import unset_secrets
from plugin_host.schemas import check_config_schema, config_errors

ENTRY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "secret": {"type": "string", "default": "", "x-names-secret": "common"},
        "spare": {"type": "string", "default": "", "x-names-secret": ""},
    },
    "required": ["name"],
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "definitions": {"entry": ENTRY},
    "properties": {
        "entries": {"type": "array", "x-unique-by": "name", "items": {"$ref": "#/definitions/entry"}}
    },
}


@pytest.mark.parametrize(
    ("names", "pointers"),
    [
        ([], []),
        (["a", "b", "A"], []),
        (["a", "b", "a", "b", "a"], ["/entries/2/name", "/entries/3/name", "/entries/4/name"]),
    ],
)
def test_later_entries_with_a_value_that_an_earlier_one_has_are_found(
    names: list[str], pointers: list[str]
) -> None:
    found = config_errors(SCHEMA, {"entries": [{"name": name} for name in names]})

    assert [(error.pointer, error.code) for error in found] == [(one, "repeated") for one in pointers]


def test_what_does_not_fit_at_all_is_said_first() -> None:
    found = config_errors(SCHEMA, {"entries": [{"name": "a"}, {"name": "a"}, {}]})

    assert [(error.pointer, error.code) for error in found] == [("/entries/2/name", "required")]


def test_secrets_that_are_named_and_not_set_are_found_where_they_are_named() -> None:
    config = {
        "entries": [{"name": "a", "secret": "", "spare": "old"}, {"name": "b", "secret": "own", "spare": ""}]
    }

    def missing(*names: str) -> list[str]:
        return [error.pointer for error in unset_secrets(SCHEMA, config, dict.fromkeys(names, "x"))]

    assert missing() == ["/entries/0/secret", "/entries/0/spare", "/entries/1/secret"]
    assert missing("common", "old") == ["/entries/1/secret"]
    assert missing("common", "old", "own") == []
    assert unset_secrets(None, config, {}) == []


@pytest.mark.parametrize(
    ("part", "pointer"),
    [
        ({"type": "array", "x-unique-by": ["name"]}, "/properties/a/x-unique-by"),
        ({"type": "string", "x-names-secret": True}, "/properties/a/x-names-secret"),
    ],
)
def test_a_keyword_that_is_written_wrongly_is_a_fault_of_the_schema(
    part: dict[str, Any], pointer: str
) -> None:
    (fault,) = check_config_schema({"type": "object", "properties": {"a": part}})

    assert (fault.pointer, fault.code) == (pointer, "keyword")
