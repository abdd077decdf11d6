"""The form field over a JSON Schema."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from django import forms

from core.errors import FieldError
from core.forms.json_form import JsonEditorWidget, JsonSchemaFormField, under

SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "api_endpoint": {"type": "string", "title": "API Endpoint", "format": "uri"},
        "batch_size": {"type": "integer", "default": 100, "minimum": 1, "maximum": 1000},
        "token_id": {"type": "string", "readOnly": True},
    },
    "required": ["api_endpoint"],
    "additionalProperties": False,
}


def form_for(
    schema: dict[str, Any] | None = SCHEMA, *, posted: object = None, current: Any = None, **kwargs: Any
) -> forms.Form:
    class ConfigForm(forms.Form):
        config = JsonSchemaFormField(schema=schema, current=current, **kwargs)

    text = posted if isinstance(posted, str) else json.dumps(posted)
    return ConfigForm({"config": text} if posted is not None else None)


def page_config(form: forms.Form) -> dict[str, Any]:
    """What the page hands to the script."""
    match = re.search(r'data-django-jsonform="([^"]*)"', str(form["config"]))
    assert match is not None
    config: dict[str, Any] = json.loads(html.unescape(match[1]))
    return config


def test_a_right_value_comes_back_without_blanks() -> None:
    form = form_for(posted={"api_endpoint": "https://api.test/v1", "batch_size": 7, "token_id": ""})

    assert form.is_valid()
    assert form.cleaned_data == {"config": {"api_endpoint": "https://api.test/v1", "batch_size": 7}}


def test_errors_stand_beside_the_inputs_and_in_the_list() -> None:
    form = form_for(posted={"api_endpoint": "", "batch_size": 5000})

    assert not form.is_valid()
    config = page_config(form)
    assert sorted(config["errorMap"]) == ["api_endpoint", "batch_size"]
    assert sorted(str(line).split(":")[0] for line in form.errors["config"]) == ["API Endpoint", "Batch size"]


def test_what_was_typed_is_shown_again_after_an_error() -> None:
    form = form_for(posted={"api_endpoint": "nonsense", "batch_size": 5000})

    form.is_valid()

    assert json.loads(page_config(form)["data"]) == {"api_endpoint": "nonsense", "batch_size": 5000}


def test_errors_of_one_request_do_not_appear_in_the_next() -> None:
    class ConfigForm(forms.Form):
        config = JsonSchemaFormField(schema=SCHEMA)

    ConfigForm({"config": "{}"}).is_valid()

    assert page_config(ConfigForm())["errorMap"] == {}


def test_defaults_are_shown_where_nothing_is_stored() -> None:
    form = form_for(current={"api_endpoint": "https://a.test"})

    assert json.loads(page_config(form)["data"]) == {"api_endpoint": "https://a.test", "batch_size": 100}


def test_defaults_are_left_out_on_request() -> None:
    form = form_for(current={"api_endpoint": "https://a.test"}, fill_defaults=False)

    assert json.loads(page_config(form)["data"]) == {"api_endpoint": "https://a.test"}


def test_a_read_only_part_cannot_be_forged() -> None:
    form = form_for(
        posted={"api_endpoint": "https://a.test", "token_id": "forged"}, current={"token_id": "stored"}
    )

    assert form.is_valid()
    assert form.cleaned_data["config"]["token_id"] == "stored"


def test_an_empty_post_never_wipes_the_value() -> None:
    form = form_for(posted="")

    assert not form.is_valid()
    assert "nothing was changed" in form.errors["config"][0]


def test_text_that_is_no_json_is_refused_and_shown_again() -> None:
    form = form_for(posted="{nonsense")

    assert not form.is_valid()
    assert "{nonsense" in str(form["config"])
    assert "data-django-jsonform" not in str(form["config"])


def test_without_a_schema_any_object_is_accepted() -> None:
    form = form_for(None, posted={"anything": [1, {"goes": None}]})

    assert form.is_valid()
    assert form.cleaned_data["config"] == {"anything": [1, {"goes": None}]}


def test_without_a_schema_only_objects_are_accepted() -> None:
    form = form_for(None, posted=[1])

    assert form.errors["config"] == ["Enter a JSON object: { ... }."]


def test_a_schema_that_cannot_be_drawn_gets_the_editor_and_is_still_enforced() -> None:
    schema = {"type": "object", "properties": {"a": {"enum": [1, "x"]}}}
    form = form_for(schema, posted={"a": 2})

    assert isinstance(form.fields["config"].widget, JsonEditorWidget)
    assert not form.is_valid()
    assert "several types" in str(form["config"])


def test_a_stored_value_that_the_inputs_would_damage_gets_the_editor() -> None:
    form = form_for(current={"api_endpoint": {"url": "https://a.test"}})

    assert "data-django-jsonform" not in str(form["config"])
    assert "https://a.test" in str(form["config"])


def test_values_cannot_break_out_of_the_page() -> None:
    evil = "</textarea><script>alert(1)</script>"
    form = form_for(current={"api_endpoint": evil})

    assert "<script>" not in str(form["config"])
    assert json.loads(page_config(form)["data"])["api_endpoint"] == evil


def test_errors_of_a_service_are_shown_at_the_field() -> None:
    form = form_for(posted={"api_endpoint": "https://a.test"})
    assert form.is_valid()
    field = form.fields["config"]
    assert isinstance(field, JsonSchemaFormField)

    errors = under([FieldError(pointer="/data/api_endpoint", message="is taken", code="unique")], "/data")
    field.show_errors(errors)
    form.add_error("config", field.lines(errors))

    assert form.errors["config"] == ["API Endpoint: is taken"]
    assert page_config(form)["errorMap"] == {"api_endpoint": ["is taken"]}


def test_a_change_is_one_only_when_something_changed() -> None:
    same = form_for(
        posted={"api_endpoint": "https://a.test", "batch_size": None},
        current={"api_endpoint": "https://a.test"},
    )
    other = form_for(posted={"api_endpoint": "https://b.test"}, current={"api_endpoint": "https://a.test"})

    assert same.changed_data == []
    assert other.changed_data == ["config"]
