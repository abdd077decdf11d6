"""What the form library draws, made from what people write in schemas."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from core.forms.form_schema import MAX_NODES, Unrenderable, form_schema


def drawn(part: Any, **schema: Any) -> dict[str, Any]:
    """The node of one property."""
    node: dict[str, Any] = form_schema({"type": "object", "properties": {"a": part}, **schema})["properties"][
        "a"
    ]
    return node


def test_the_given_schema_stays_as_it_is() -> None:
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"enum": ["x"], "description": "D"}, "b": {"type": "array", "default": [1]}},
        "additionalProperties": False,
    }
    before = copy.deepcopy(schema)

    result = form_schema(schema)
    result["properties"]["b"]["x-default"].append(2)

    assert schema == before


def test_a_description_becomes_the_help_text_of_an_input() -> None:
    assert drawn({"type": "string", "description": "Where to send it"}) == {
        "type": "string",
        "help_text": "Where to send it",
    }


@pytest.mark.parametrize(
    ("values", "kind"),
    [(["a", "b"], "string"), ([1, 2], "integer"), ([1, 2.5], "number"), ([True, False], "boolean")],
)
def test_an_enum_without_type_gets_the_type_of_its_values(values: list[Any], kind: str) -> None:
    assert drawn({"enum": values})["type"] == kind


def test_an_enum_of_mixed_types_is_refused() -> None:
    with pytest.raises(Unrenderable, match="several types"):
        drawn({"enum": [1, "a"]})


def test_null_in_an_enum_makes_it_optional() -> None:
    node = drawn({"type": ["string", "null"], "enum": ["a", None]})

    assert node["enum"] == ["a"]
    assert node["x-nullable"] is True


def test_a_choice_of_constants_becomes_a_list_of_choices() -> None:
    node = drawn({"oneOf": [{"const": 1, "title": "One"}, {"const": 2}]})

    assert node == {"type": "integer", "enum": [{"title": "One", "value": 1}, 2]}


def test_unique_choices_become_one_input_for_several() -> None:
    node = drawn({"type": "array", "uniqueItems": True, "items": {"type": "string", "enum": ["a", "b"]}})

    assert node["items"] == {"type": "string", "enum": ["a", "b"], "widget": "multiselect"}


def test_closed_objects_are_drawn_like_open_ones() -> None:
    assert "additionalProperties" not in form_schema(
        {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
    )


def test_an_object_without_properties_offers_keys_of_any_name() -> None:
    node = drawn({"type": "object", "additionalProperties": {"type": "integer"}})

    assert node["properties"] == {}
    assert node["additionalProperties"] == {"type": "integer"}
    assert drawn({"type": "object"})["additionalProperties"] == {"type": "string"}


def test_parts_of_all_of_are_drawn_as_one_object() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "allOf": [{"$ref": "#/definitions/b"}, {"required": ["a"]}],
        "definitions": {"b": {"properties": {"b": {"type": "integer"}}, "required": ["b"]}},
    }

    node = form_schema(schema)

    assert list(node["properties"]) == ["b", "a"]
    assert node["required"] == ["b", "a"]


def test_fields_that_only_a_condition_asks_for_can_be_filled_in() -> None:
    schema = {
        "type": "object",
        "properties": {"kind": {"enum": ["a", "b"]}},
        "if": {"properties": {"kind": {"const": "a"}}},
        "then": {"properties": {"size": {"type": "integer"}}, "required": ["size"]},
    }

    node = form_schema(schema)

    assert node["properties"]["size"] == {"type": "integer"}
    assert node["required"] == []


def test_references_are_resolved_with_their_labels() -> None:
    schema = {
        "type": "object",
        "properties": {"home": {"$ref": "#/$defs/address", "title": "Home"}},
        "$defs": {
            "address": {"type": "object", "title": "Address", "properties": {"city": {"type": "string"}}}
        },
    }

    node = form_schema(schema)["properties"]["home"]

    assert node["title"] == "Home"
    assert node["properties"] == {"city": {"type": "string"}}


def test_a_tree_keeps_its_recursion() -> None:
    schema = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#"}}},
    }

    node = form_schema(schema)

    assert node["properties"]["children"]["items"]["properties"]["children"]["items"] == {
        "$ref": "#/definitions/part1"
    }
    assert node["definitions"]["part1"]["properties"]["children"]["items"] == {"$ref": "#/definitions/part1"}


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({}, "empty"),
        ({"type": "string"}, "neither an object nor an array"),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}}, "contains itself"),
        ({"type": "object", "properties": {"a": {"$ref": "https://x.test/s"}}}, "outside"),
        ({"type": "object", "properties": {"a": {"$ref": "#/definitions/b"}}}, "points at nothing"),
        ({"type": "object", "properties": {"a": {"type": "array", "items": [{}, {}]}}}, "position"),
        ({"type": "object", "properties": {"a": {"type": ["object", "string"]}}}, "several types"),
        ({"type": "object", "properties": {"a": {"type": "date"}}}, "no input"),
        ({"type": "object", "properties": {"a": 3}}, "not an object"),
    ],
)
def test_what_no_form_can_show_is_told_apart(schema: dict[str, Any], says: str) -> None:
    with pytest.raises(Unrenderable, match=says):
        form_schema(schema)


def test_a_schema_that_unfolds_without_end_is_refused_early() -> None:
    definitions: dict[str, Any] = {"d0": {"type": "string"}}
    for level in range(1, 20):
        part = {"$ref": f"#/definitions/d{level - 1}"}
        definitions[f"d{level}"] = {"type": "object", "properties": {"x": part, "y": part}}
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/definitions/d19"}},
        "definitions": definitions,
    }
    assert MAX_NODES < 2**19

    with pytest.raises(Unrenderable, match="too large"):
        form_schema(schema)


def test_long_texts_get_a_large_input() -> None:
    assert drawn({"type": "string", "maxLength": 5000})["widget"] == "textarea"
    assert drawn({"type": "string", "x-widget": "markdown"})["widget"] == "textarea"
    assert "widget" not in drawn({"type": "string", "maxLength": 200})


def test_keywords_that_make_the_library_fetch_or_draw_other_things_are_dropped() -> None:
    assert drawn({"type": "string", "handler": "https://elsewhere.test", "format": "file-url"}) == {
        "type": "string"
    }


def test_relations_offer_the_records_of_their_collection() -> None:
    schema = {"type": "object", "properties": {"author": {"type": "string", "x-relation": "authors"}}}

    node = form_schema(schema, choices=lambda name: [("1", f"Ada of {name}")])["properties"]["author"]

    assert node["enum"] == [{"title": "Ada of authors", "value": "1"}]
