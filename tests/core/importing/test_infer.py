from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from core.importing.front_matter import Json
from core.importing.infer import fit, infer_schema, merge_schemas, parse_moment


def inferred(*values: Json, name: str = "field") -> Any:
    schema = infer_schema([{name: value} for value in values])
    jsonschema.Draft7Validator.check_schema(schema)
    return schema["properties"].get(name)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((True, False), {"type": "boolean"}),
        ((1, 2), {"type": "integer"}),
        ((1, 2.5), {"type": "number"}),
        ((1, "1.0.1"), {"type": "string"}),
        (("2020-01-02", "2021-01-02"), {"type": "string", "format": "date", "x-index": True}),
        (("2020-01-02", "2021-01-02T10:00:00Z"), {"type": "string", "format": "date-time", "x-index": True}),
        (("https://a.org/b", "http://c.org"), {"type": "string", "format": "uri"}),
        ((["a"], ["b", "c"]), {"type": "array", "items": {"type": "string"}}),
        ((["a"], "b"), {"type": "array", "items": {"type": "string"}}),
        (([1, 2],), {"type": "array", "items": {"type": "integer"}}),
        (([{"a": 1}],), {"type": "array"}),
        (({"a": 1},), {"type": "object"}),
        (("x" * 200,), {"type": "string", "x-widget": "textarea"}),
        (("a", "b", "c"), {"type": "string"}),
        (("a", "b") * 4, {"type": "string", "enum": ["a", "b"], "x-index": True}),
    ],
)
def test_infer_names_the_type_that_fits_all(values: tuple[Json, ...], expected: dict[str, Any]) -> None:
    assert inferred(*values) == {"title": "Field"} | expected


def test_infer_indexes_fields_that_lists_are_filtered_by() -> None:
    assert inferred("Ada", "Grace", name="author") == {"title": "Author", "type": "string", "x-index": True}


def test_infer_leaves_out_what_is_no_field() -> None:
    schema = infer_schema([{"title": "A", "slug": "a", "draft": True, "empty": None}], title="Posts")

    assert schema == {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "title": "Posts",
        "properties": {"body": {"type": "string", "title": "Body", "x-widget": "markdown", "x-search": True}},
        "additionalProperties": False,
    }


def test_infer_gives_the_body_a_free_name() -> None:
    schema = infer_schema([{"body": "summary"}])

    assert schema["properties"]["content"]["x-widget"] == "markdown"


def test_merge_adds_fields_and_choices_and_keeps_decisions() -> None:
    current = infer_schema([{"category": "a", "views": 1}] * 4)
    current["properties"]["views"]["title"] = "Visits"
    current["required"] = ["category"]

    merged = merge_schemas(current, infer_schema([{"category": "b", "views": 2.5, "link": "x"}] * 4))

    assert merged["properties"]["category"]["enum"] == ["a", "b"]
    assert merged["properties"]["views"] == {"title": "Visits", "type": "integer"}
    assert merged["properties"]["link"]["enum"] == ["x"]
    assert merged["required"] == ["category"]
    assert list(merged["properties"]).count("body") == 1


def test_merge_of_the_same_changes_nothing() -> None:
    schema = infer_schema([{"category": "a", "date": "2020-01-01"}] * 4)

    assert merge_schemas(schema, schema) == schema


def test_fit_spells_values_as_the_schema_wants() -> None:
    schema = {
        "properties": {
            "at": {"type": "string", "format": "date-time"},
            "on": {"type": "string", "format": "date"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "code": {"type": "string"},
        }
    }
    values: dict[str, Json] = {
        "title": "x",
        "at": "2025-03-17T10:00:00-04:00",
        "on": "March 4, 2020",
        "tags": "one",
        "code": 7,
        "none": None,
        "unknown": "kept",
    }

    assert fit(values, schema) == {
        "at": "2025-03-17T14:00:00Z",
        "on": "2020-03-04",
        "tags": ["one"],
        "code": "7",
        "unknown": "kept",
    }


def test_fit_leaves_what_it_cannot_read_for_validation() -> None:
    schema = {
        "properties": {
            "at": {"type": "string", "format": "date-time"},
            "on": {"type": "string", "format": "date"},
        }
    }

    assert fit({"at": "soon", "on": "2020-01-01T10:00:00Z"}, schema) == {
        "at": "soon",
        "on": "2020-01-01T10:00:00Z",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-04-03T20:26:28.000Z", "2020-04-03T20:26:28+00:00"),
        ("2020-04-03", "2020-04-03T00:00:00+00:00"),
        ("2020-04-03 20:26", "2020-04-03T20:26:00+00:00"),
        ("Fri, 03 Apr 2020 20:26:28 +0200", "2020-04-03T20:26:28+02:00"),
        ("3 Apr 2020", "2020-04-03T00:00:00+00:00"),
        ("March 32, 2020", None),
        ("Release 4", None),
        ("later", None),
    ],
)
def test_parse_moment_reads_the_usual_spellings(text: str, expected: str | None) -> None:
    found = parse_moment(text)

    assert (found.isoformat() if found else None) == expected
