"""Secrets go in and never come out."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import FieldError
from core.forms.secret_form import SecretForm, SecretStatus

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "api_token": {"type": "string", "title": "API Token", "minLength": 8},
        "private_key": {"type": "string", "x-widget": "textarea", "pattern": "^-----BEGIN"},
    },
    "required": ["api_token"],
}
STORED = {"api_token": SecretStatus(fingerprint="a1b2c3", set_by="Ada")}


def secret_form(
    posted: dict[str, str] | None = None, *, stored: dict[str, SecretStatus] = STORED
) -> SecretForm:
    return SecretForm(posted, schema=SCHEMA, statuses=stored)


def test_the_page_says_which_secrets_are_set() -> None:
    page = secret_form().as_p()

    assert "a1b2c3" in page
    assert "by Ada" in page
    assert "not set" in page


def test_a_blank_input_keeps_the_stored_secret() -> None:
    form = secret_form({"api_token": "", "private_key": ""})

    assert form.is_valid()
    assert form.changes == {}
    assert form.changed_data == []


def test_a_new_value_replaces_the_stored_one() -> None:
    form = secret_form({"api_token": " tok-12345678\n"})

    assert form.is_valid()
    assert form.changes == {"api_token": "tok-12345678"}


def test_a_key_of_several_lines_is_kept_as_it_is() -> None:
    key = "-----BEGIN KEY-----\nabc\n-----END KEY-----\n"
    form = secret_form({"private_key": key})

    assert form.is_valid()
    assert form.changes == {"private_key": key}


def test_an_optional_secret_can_be_cleared() -> None:
    form = secret_form(
        {"private_key__clear": "on"}, stored={**STORED, "private_key": SecretStatus(fingerprint="ff")}
    )

    assert form.is_valid()
    assert form.changes == {"private_key": None}


def test_a_needed_secret_cannot_be_cleared() -> None:
    form = secret_form({"api_token__clear": "on"})

    assert form.errors == {"api_token": ["The plugin needs this secret. Replace it instead of clearing it."]}


def test_a_needed_secret_that_is_missing_is_asked_for() -> None:
    form = secret_form({}, stored={})

    assert form.errors == {"api_token": ["The plugin needs this secret. Enter it."]}


def test_no_value_reaches_the_page_after_an_error() -> None:
    form = secret_form({"api_token": "s3cr3t!", "private_key": "my-private-thing"})

    assert not form.is_valid()
    page = form.as_p()
    assert "Too short: at least 8 characters are needed." in page
    assert "s3cr3t!" not in page
    assert "my-private-thing" not in page
    assert "s3cr3t!" not in str(form.errors)


def test_errors_of_a_service_are_shown_at_the_secret() -> None:
    form = secret_form({"api_token": "12345678"})
    assert form.is_valid()

    form.add_error_at(FieldError(pointer="/api_token", message="The service refused it."))
    form.add_error_at(FieldError(pointer="", message="Something else."))

    assert form.errors == {"api_token": ["The service refused it."], "__all__": ["Something else."]}


OPEN: dict[str, Any] = {
    "properties": {"main": {"type": "string"}},
    "patternProperties": {"^[a-z-]+$": {"type": "string", "title": "Key of an endpoint", "minLength": 8}},
}


def open_form(posted: dict[str, str] | None = None) -> SecretForm:
    stored = {"crm": SecretStatus(fingerprint="c0ffee"), "Left over": SecretStatus()}
    return SecretForm(posted, schema=OPEN, statuses=stored)


def test_secrets_whose_names_fit_a_pattern_are_shown_and_one_more_can_be_added() -> None:
    form = open_form()

    assert list(form.fields) == ["main", "crm", "__new_name", "__new_value"]
    assert "c0ffee" in form.as_p()
    assert "Key of an endpoint: name" in form.as_p()


def test_a_secret_under_a_name_that_people_choose() -> None:
    form = open_form({"crm__clear": "on", "__new_name": "shop", "__new_value": "12345678"})

    assert form.is_valid(), form.errors
    assert form.changes == {"crm": None, "shop": "12345678"}
    assert open_form({}).is_valid()


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("", "12345678", "__new_name"),
        ("shop", "", "__new_value"),
        ("shop", "1234", "__new_value"),
        ("Shop 1", "12345678", "__new_name"),
        ("crm", "12345678", "__new_name"),
    ],
)
def test_half_a_new_secret_or_a_wrong_name_is_refused(name: str, value: str, field: str) -> None:
    form = open_form({"__new_name": name, "__new_value": value})

    assert list(form.errors) == [field]
    assert "12345678" not in form.as_p()
