"""Values made up from schemas, and arguments of every hook of the catalogue."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from core.json_schema import validate
from plugin_host.context import EventType, HookContext
from plugin_host.hookspec import HOOKS
from plugin_host.testing.contract.samples import HookArguments, NoSample, sample_of

TENANT = UUID("11111111-1111-1111-1111-111111111111")
CONTENT = {
    "content_id": "22222222-2222-2222-2222-222222222222",
    "collection": "articles",
    "title": "Slow food",
    "domain": "acme.test",
    "version": 3,
    "data": {"body": "Text"},
}


def sample(schema: dict[str, Any]) -> Any:
    return sample_of(schema, text="mark1", url="http://127.0.0.1:9/")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "mark1"),
        ({"type": "string", "default": "x"}, "x"),
        ({"const": 3}, 3),
        ({"enum": ["a", "b"]}, "a"),
        ({"type": "string", "examples": ["pear"], "pattern": "^pear$"}, "pear"),
        ({"type": "string", "format": "uri"}, "http://127.0.0.1:9/"),
        ({"type": "string", "pattern": "^https?://"}, "http://127.0.0.1:9/"),
        ({"type": "string", "format": "email"}, "mark1@example.org"),
        ({"type": "string", "minLength": 9}, "mark1" + "a" * 9),
        ({"type": "string", "maxLength": 3}, "mar"),
        ({"type": "integer", "minimum": 5, "maximum": 9}, 5),
        ({"type": "integer", "exclusiveMinimum": 5}, 6),
        ({"type": "integer", "minimum": 1, "multipleOf": 15}, 15),
        ({"type": "number", "exclusiveMaximum": 0}, -1),
        ({"type": "boolean"}, True),
        ({"type": ["null", "string"]}, None),
        ({"type": "array", "items": {"type": "string"}}, []),
        ({"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2, "uniqueItems": True}, ["a", "b"]),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, 1),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"default": 2}, "c": {"type": "string"}},
                "required": ["a"],
            },
            {"a": "mark1", "b": 2},
        ),
        (
            {
                "properties": {"a": {"$ref": "#/definitions/side"}},
                "required": ["a"],
                "definitions": {"side": {"enum": ["left"]}},
            },
            {"a": "left"},
        ),
        (
            {
                "allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}],
                "properties": {"b": {"type": "boolean"}},
                "required": ["b"],
            },
            {"a": 1, "b": True},
        ),
    ],
)
def test_samples_are_what_the_schema_asks_for(schema: dict[str, Any], value: Any) -> None:
    assert sample(schema) == value
    assert validate(schema, value) == []


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"type": "string", "pattern": "^pear$"}, "the whole"),
        ({"properties": {"a": {"properties": {"b": False}, "required": ["b"]}}, "required": ["a"]}, "/a"),
    ],
)
def test_what_cannot_be_made_up_is_said(schema: dict[str, Any], place: str) -> None:
    with pytest.raises(NoSample, match=f"no value for {place}"):
        sample(schema)


def test_every_hook_of_the_catalogue_has_arguments() -> None:
    context = HookContext(TENANT, "acme", "pro")
    samples = HookArguments(context, CONTENT, "my-plugin")

    for spec in HOOKS.values():
        for names in filter(None, (spec.arguments, spec.other_arguments)):
            given = samples.of(spec.name, names)
            assert given[names.index("ctx")] is context
            assert all(value is not None for value in given), spec.name
    for event_type in EventType:
        assert samples.record_event(event_type).type == event_type


def test_samples_are_each_callers_own() -> None:
    samples = HookArguments(HookContext(TENANT, "acme", "pro"), CONTENT, "my-plugin")

    samples.of("dvp_content_created", ["content"])[0]["data"]["body"] = "changed"

    assert samples.of("dvp_content_created", ["content"])[0]["data"] == {"body": "Text"}
