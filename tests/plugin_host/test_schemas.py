from __future__ import annotations

from typing import Any

import pytest

from plugin_host.schemas import (
    check_config_schema,
    check_secrets_schema,
    config_errors,
    effective_config,
    secrets_errors,
)

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"url": {"type": "string"}, "size": {"type": "integer", "default": 10}},
    "required": ["url", "size"],
    "additionalProperties": False,
}
SECRETS: dict[str, Any] = {
    "type": "object",
    "properties": {"token": {"type": "string", "minLength": 10}},
    "required": ["token"],
    "additionalProperties": False,
}


def test_layers_lie_on_each_other_and_on_the_defaults() -> None:
    assert effective_config(SCHEMA, {"url": "platform", "size": 20}, {"url": "tenant"}) == {
        "url": "tenant",
        "size": 20,
    }
    assert effective_config(SCHEMA) == {"size": 10}
    assert effective_config(None, {"any": 1}) == {"any": 1}


def test_layers_are_copied() -> None:
    layer: dict[str, Any] = {"url": ["a"]}
    effective_config(None, layer)["url"].append("b")
    assert layer == {"url": ["a"]}


def test_defaults_count_towards_required_fields() -> None:
    assert [(error.pointer, error.code) for error in config_errors(SCHEMA, {})] == [("/url", "required")]
    assert config_errors(SCHEMA, {"url": "x"}) == []


def test_without_a_schema_any_object_is_right() -> None:
    assert config_errors(None, {"any": {"thing": 1}}) == []
    assert [error.message for error in config_errors(None, [])] == ["The configuration must be an object."]


def test_faults_of_secrets_never_show_a_value() -> None:
    assert [(error.pointer, error.code) for error in secrets_errors(SECRETS, {})] == [("/token", "required")]
    (fault,) = secrets_errors(SECRETS, {"token": "hunter2"})
    assert (fault.pointer, fault.code) == ("/token", "minLength")
    assert fault.message == "The value does not fit the plugin's schema."
    assert "Did you mean 'token'" in secrets_errors(SECRETS, {"token": "long enough", "tokn": "x"})[0].message
    assert secrets_errors(None, {"any": "x"}) == []


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"type": "array"}, "/type"),
        ({"properties": {"a": {"type": "nothing"}}}, "/properties/a/type"),
        ("x", ""),
        ({"properties": {"a": {"$ref": "#/properties/a"}}}, "/properties/a/$ref"),
        ({"properties": {"a": {"allOf": [{"$ref": "#/properties/a"}]}}}, "/properties/a/allOf/0/$ref"),
    ],
)
def test_unsound_config_schema_is_told(schema: object, pointer: str) -> None:
    assert [error.pointer for error in check_config_schema(schema)] == [pointer]


@pytest.mark.parametrize(
    ("part", "pointer"),
    [
        ({"type": "integer"}, "/properties/token/type"),
        ({"type": "object", "properties": {}}, "/properties/token/type"),
        (True, "/properties/token/type"),
        ({"type": "string", "default": "x"}, "/properties/token/default"),
    ],
)
def test_secrets_are_strings_without_defaults(part: object, pointer: str) -> None:
    assert [error.pointer for error in check_secrets_schema({"properties": {"token": part}})] == [pointer]


def test_sound_schemas_pass() -> None:
    node = {"type": "object", "properties": {"child": {"$ref": "#/definitions/node"}}}
    tree = {
        "definitions": {"node": node},
        "properties": {"root": {"anyOf": [{"$ref": "#/definitions/node"}]}},
    }
    assert check_config_schema(tree) == []
    assert check_config_schema(SCHEMA) == []
    assert check_secrets_schema(SECRETS) == []
