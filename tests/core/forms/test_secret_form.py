"""Secrets go in and never come out."""

from __future__ import annotations

from typing import Any

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
