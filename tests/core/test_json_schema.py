from __future__ import annotations

from typing import Any

import pytest

from core.errors import Invalid
from core.json_schema import (
    MAX_ERRORS,
    SchemaValidator,
    check_schema,
    fill_defaults,
    prune_blank,
    prune_unknown,
    schema_defaults,
    validate,
    validator_for,
)

SITE: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "api_endpoint": {"type": "string", "title": "API Endpoint", "format": "uri"},
        "batch_size": {"type": "integer", "default": 100, "minimum": 1, "maximum": 1000},
        "enabled_features": {
            "type": "array",
            "items": {"type": "string", "enum": ["keywords", "backlinks"]},
            "uniqueItems": True,
        },
    },
    "required": ["api_endpoint"],
    "additionalProperties": False,
}


def told(schema: dict[str, Any], value: Any) -> list[tuple[str, str, str]]:
    return [(error.pointer, error.code, error.message) for error in validate(schema, value)]


def test_value_that_fits_has_no_faults() -> None:
    assert validate(SITE, {"api_endpoint": "https://x.example", "enabled_features": ["keywords"]}) == []


def test_missing_property_is_pointed_at() -> None:
    assert told(SITE, {}) == [("/api_endpoint", "required", "This field is required.")]


def test_unknown_property_is_pointed_at_with_the_nearest_right_name() -> None:
    assert told(SITE, {"api_endpoint": "https://x.example", "batch_sise": 3, "zzz": 1}) == [
        ("/batch_sise", "unknown", "Unknown field 'batch_sise'. Did you mean 'batch_size'?"),
        (
            "/zzz",
            "unknown",
            "Unknown field 'zzz'. Known fields: api_endpoint, batch_size, enabled_features.",
        ),
    ]


def test_all_faults_are_told_at_once_in_order() -> None:
    value = {"api_endpoint": "nowhere", "batch_size": 0, "enabled_features": ["keywords", "keywords", "x"]}
    assert told(SITE, value) == [
        ("/api_endpoint", "format", "This must be a web address such as https://example.com/path."),
        ("/batch_size", "minimum", "This must be 1 or more."),
        ("/enabled_features", "uniqueItems", "The entries must all differ."),
        ("/enabled_features/2", "enum", 'Choose one of: "keywords", "backlinks".'),
    ]


@pytest.mark.parametrize(
    ("schema", "value", "pointer", "message"),
    [
        ({"type": "string"}, 3, "", "This must be a text, not a number."),
        ({"type": ["integer", "null"]}, True, "", "This must be a whole number or null, not true or false."),
        ({"type": "object"}, [], "", "This must be an object, not a list."),
        ({"const": "x"}, "y", "", 'This must be "x".'),
        ({"maximum": 3}, 4, "", "This must be 3 or less."),
        ({"exclusiveMinimum": 3}, 3, "", "This must be more than 3."),
        ({"exclusiveMaximum": 3}, 3, "", "This must be less than 3."),
        ({"multipleOf": 3}, 4, "", "This must be a multiple of 3."),
        ({"minLength": 1}, "", "", "This may not be empty."),
        ({"minLength": 5}, "abc", "", "This needs at least 5 characters, not 3."),
        ({"maxLength": 1}, "abc", "", "This may have at most 1 character, not 3."),
        ({"pattern": "^a"}, "b", "", "This must match the pattern ^a"),
        (
            {"pattern": "^a", "description": "Begins with a."},
            "b",
            "",
            "This does not have the form that is asked for: Begins with a.",
        ),
        ({"format": "date"}, "31.1.2026", "", "This must be a date such as 2026-01-31."),
        ({"format": "email"}, "x", "", "This must be an e-mail address."),
        (
            {"format": "date-time"},
            "2026-01-31",
            "",
            "This must be a date and time with zone such as 2026-01-31T12:00:00Z.",
        ),
        ({"minItems": 1}, [], "", "This needs at least 1 entry."),
        ({"maxItems": 1}, [1, 2], "", "This may have at most 1 entry."),
        ({"items": [{}], "additionalItems": False}, [1, 2], "", "There are too many entries."),
        ({"minProperties": 2}, {}, "", "This needs at least 2 fields."),
        ({"maxProperties": 0}, {"a": 1}, "", "This may have at most 0 fields."),
        ({"contains": {"type": "string"}}, [1], "", "No entry is of the kind that must be there."),
        ({"not": {"type": "string"}}, "a", "", "This value is not allowed."),
        ({"allOf": [False]}, 1, "", "Nothing is allowed here."),
        (
            {"oneOf": [{"minimum": 1}, {"maximum": 9}]},
            5,
            "",
            "This fits more than one of the allowed forms; it must fit exactly one.",
        ),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 5, "", "Expected a text or null."),
        ({"oneOf": [{"const": "a"}, {"const": "b"}]}, "c", "", 'Expected "a" or "b".'),
        (
            {"dependencies": {"a": ["b"]}},
            {"a": 1},
            "/b",
            "This field is required where 'a' is given.",
        ),
        (
            {"if": {"properties": {"k": {"const": 1}}}, "then": {"required": ["x"]}},
            {"k": 1},
            "/x",
            "This field is required.",
        ),
        (
            {"properties": {"a/b": {"properties": {"c~d": {"type": "null"}}}}},
            {"a/b": {"c~d": 1}},
            "/a~1b/c~0d",
            "This must be null, not a number.",
        ),
    ],
)  # fmt: skip
def test_fault_in_words(schema: dict[str, Any], value: Any, pointer: str, message: str) -> None:
    assert [(error.pointer, error.message) for error in validate(schema, value)] == [(pointer, message)]


def test_nearest_alternative_is_reported() -> None:
    schema = {
        "oneOf": [
            {"type": "string"},
            {"type": "object", "properties": {"src": {"type": "string"}}, "required": ["src"]},
        ]
    }
    assert told(schema, {"src": 3}) == [("/src", "type", "This must be a text, not a number.")]
    assert told(schema, {}) == [("/src", "required", "This field is required.")]


def test_every_missing_property_is_told_once() -> None:
    assert [pointer for pointer, _, _ in told({"required": ["a", "b"]}, {})] == ["/a", "/b"]


@pytest.mark.parametrize("value", [{"a": {1}}, {"a": float("nan")}, {"a": b"x"}])
def test_value_that_is_not_json_is_told(value: Any) -> None:
    (error,) = validate({"properties": {"a": {"type": "string"}}}, value)
    assert error.code == "json"


def test_number_of_faults_is_bounded() -> None:
    assert len(validate({"items": {"type": "string"}}, list(range(500)))) == MAX_ERRORS


def test_equal_schemas_share_a_validator_that_nobody_can_change() -> None:
    schema: dict[str, Any] = {"type": "string"}
    first = validator_for(schema)
    assert validator_for({"type": "string"}) is first
    schema["type"] = "integer"
    assert first.is_valid("a")
    assert validate(schema, 3) == []


def test_check_raises_invalid_with_the_faults() -> None:
    with pytest.raises(Invalid, match="Not so") as caught:
        SchemaValidator(SITE).check({}, "Not so.")
    assert [error.pointer for error in caught.value.errors] == ["/api_endpoint"]


def test_hostile_expressions_are_matched_in_bounded_time() -> None:
    # Python's own engine would be busy with each of these for longer than the universe is old.
    text = "a" * 60 + "!"
    assert [code for _, code, _ in told({"pattern": "^(a+)+$"}, text)] == ["pattern"]
    closed = {"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False}
    assert [code for _, code, _ in told(closed, {text: 1})] == ["unknown"]
    assert prune_unknown(closed, {text: 1, "aa": 2}) == {"aa": 2}
    assert [
        pointer for pointer, _, _ in told({"patternProperties": {"^a": {"type": "null"}}}, {"ab": 1})
    ] == ["/ab"]
    assert [pointer for pointer, _, _ in told({"additionalProperties": {"type": "null"}}, {"b": 1})] == ["/b"]


# -- schemas themselves ------------------------------------------------------------------------------------------


def schema_faults(schema: Any) -> list[tuple[str, str]]:
    return [(error.pointer, error.message) for error in check_schema(schema)]


def test_sound_schema_has_no_faults() -> None:
    assert check_schema(SITE) == []


@pytest.mark.parametrize(
    ("schema", "pointer", "message"),
    [
        ("object", "", "A schema is a JSON object, not a text."),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema"}, "/$schema", "Only draft-07 is understood"),
        ({"properties": {"a": {"type": "strin"}}}, "/properties/a/type", "Expected"),
        ({"properties": {"a": {"minLength": -1}}}, "/properties/a/minLength", "This must be 0 or more."),
        ({"properties": {"a": {"pattern": "("}}}, "/properties/a/pattern", ""),
        ({"properties": {"a": {"$ref": "https://example.com/a.json"}}}, "/properties/a/$ref", "points outside"),
        ({"properties": {"a": {"$ref": "#/definitions/no"}}}, "/properties/a/$ref", "points at nothing"),
        (
            {"properties": {"a": {"type": "integer", "default": "x"}}},
            "/properties/a/default",
            "The default does not fit its own schema: This must be a whole number, not a text.",
        ),
        (
            {"properties": {"a": {"type": "array", "items": {"type": "string"}, "default": [1]}}},
            "/properties/a/default/0",
            "The default does not fit",
        ),
        (
            {
                "items": {"properties": {"a": {"$ref": "#/definitions/t", "default": 1}}},
                "definitions": {"t": {"type": "string"}},
            },
            "/items/properties/a/default",
            "The default does not fit",
        ),
        ({"default": {1}}, "", "This is not JSON"),
    ],
)  # fmt: skip
def test_unsound_schema_is_told_where(schema: Any, pointer: str, message: str) -> None:
    faults = schema_faults(schema)
    assert [where for where, _ in faults] == [pointer]
    assert message in faults[0][1]


def test_references_inside_a_schema_work() -> None:
    schema = {
        "definitions": {"node": {"type": "object", "properties": {"child": {"$ref": "#/definitions/node"}}}},
        "$ref": "#/definitions/node",
    }
    assert check_schema(schema) == []
    assert told(schema, {"child": {"child": 3}}) == [
        ("/child/child", "type", "This must be an object, not a number.")
    ]


# -- defaults and blanks -----------------------------------------------------------------------------------------


def test_defaults_are_filled_in_a_copy() -> None:
    given = {"api_endpoint": "https://x.example"}
    filled = fill_defaults(SITE, given)
    assert filled == {"api_endpoint": "https://x.example", "batch_size": 100}
    assert given == {"api_endpoint": "https://x.example"}
    filled["batch_size"] = 1
    assert schema_defaults(SITE) == {"batch_size": 100}


def test_defaults_reach_into_objects_lists_and_references() -> None:
    schema = {
        "properties": {
            "retry": {"type": "object", "properties": {"times": {"default": 3}}},
            "strict": {"properties": {"times": {"default": 3}, "url": {}}, "required": ["url"]},
            "given": {"properties": {"times": {"default": 3}}},
            "rows": {"items": {"properties": {"on": {"default": True}}}},
            "pair": {"items": [{"properties": {"first": {"default": 1}}}]},
            "named": {"$ref": "#/definitions/named"},
        },
        "allOf": [{"properties": {"extra": {"default": []}}}],
        "definitions": {"named": {"default": {"a": 1}, "properties": {"b": {"default": 2}}}},
    }
    assert fill_defaults(schema, {"given": {}, "rows": [{}, {"on": False}, 3], "pair": [{}, {}]}) == {
        "retry": {"times": 3},
        "given": {"times": 3},
        "rows": [{"on": True}, {"on": False}, 3],
        "pair": [{"first": 1}, {}],
        "named": {"a": 1, "b": 2},
        "extra": [],
    }


def test_defaults_of_a_schema_that_contains_itself_end() -> None:
    schema = {
        "$ref": "#/definitions/node",
        "definitions": {
            "node": {"properties": {"on": {"default": 1}, "child": {"$ref": "#/definitions/node"}}}
        },
    }
    assert fill_defaults(schema, {"child": {}}) == {"on": 1, "child": {"on": 1}}
    assert fill_defaults({"$ref": "#"}, {}) == {}


def test_wrong_types_are_left_for_validation() -> None:
    assert fill_defaults(SITE, "nonsense") == "nonsense"
    assert fill_defaults({"properties": {"a": {"properties": {"b": {"default": 1}}}}}, {"a": 3}) == {"a": 3}


def test_blanks_of_a_form_are_pruned_where_the_schema_refuses_them() -> None:
    schema = {
        "properties": {
            "url": {"type": "string", "format": "uri"},
            "note": {"type": "string"},
            "size": {"type": ["integer", "null"]},
            "count": {"type": "integer"},
            "needed": {"type": "string", "minLength": 1},
            "tags": {"type": "array", "items": {"type": "string", "minLength": 1}},
            "deep": {"properties": {"kind": {"enum": ["a"]}}},
        },
        "required": ["needed"],
    }
    form = {
        "url": "",
        "note": "",
        "size": None,
        "count": None,
        "needed": "",
        "tags": ["a", ""],
        "deep": {"kind": ""},
        "unknown": "",
    }
    assert prune_blank(schema, form) == {
        "note": "",
        "size": None,
        "needed": "",
        "tags": ["a"],
        "deep": {},
        "unknown": "",
    }


def test_unknown_fields_are_pruned_from_closed_objects_only() -> None:
    schema = {
        "properties": {"open": {"properties": {}}, "rows": {"items": {"additionalProperties": False}}},
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
    }
    assert prune_unknown(schema, {"open": {"a": 1}, "rows": [{"b": 1}], "x-c": 1, "d": 1}) == {
        "open": {"a": 1},
        "rows": [{}],
        "x-c": 1,
    }


def test_a_schema_that_refers_to_itself_without_end_ends() -> None:
    endless = {"allOf": [{"$ref": "#/definitions/a"}]}
    schema = {"properties": {"a": endless, "b": {"type": "string"}}, "definitions": {"a": endless}}

    assert fill_defaults(schema, {"a": "x"}) == {"a": "x"}
    assert validate(schema, {"a": "x", "b": 1})
