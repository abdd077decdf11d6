"""Schemas of a plugin's configuration and secrets: checked when it is loaded, applied when values are saved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from core.errors import FieldError
from core.json_schema import (
    Schema,
    check_schema,
    fill_defaults,
    pointer_to,
    prune_blank,
    prune_unknown,
    schema_defaults,
    validate,
)
from plugin_host.config_keywords import keyword_errors, repeated_values

__all__ = [
    "check_config_schema",
    "check_schema",
    "check_secrets_schema",
    "config_errors",
    "effective_config",
    "fill_defaults",
    "prune_blank",
    "prune_unknown",
    "schema_defaults",
    "secret_schema",
    "secrets_errors",
    "validate",
]


def check_config_schema(schema: object) -> list[FieldError]:
    """Return what is wrong with a `CONFIG_SCHEMA`: it must be sound and describe an object."""
    if errors := check_schema(schema) or _object_errors(schema):
        return errors
    assert isinstance(schema, Mapping)  # checked above
    return keyword_errors(schema)


def secret_schema(schema: Schema, key: str) -> Schema | None:
    """Return the subschema of one secret: of that name, or of a pattern that it fits; None where there is none."""
    properties: Schema = schema.get("properties", {})
    if key in properties:
        part: Schema = properties[key]
        return part
    patterns: Schema = schema.get("patternProperties", {})
    return next((part for pattern, part in patterns.items() if re.search(pattern, key)), None)


def check_secrets_schema(schema: object) -> list[FieldError]:
    """Return what is wrong with a `SECRETS_SCHEMA`: a sound schema of an object of strings, without defaults."""
    if errors := check_config_schema(schema):
        return errors
    assert isinstance(schema, Mapping)  # checked above
    errors = []
    parts = [
        ((keyword, name), name, part)
        for keyword in ("properties", "patternProperties")
        for name, part in schema.get(keyword, {}).items()
    ]
    for where, name, part in parts:
        if not isinstance(part, Mapping) or part.get("type", "string") != "string":
            errors.append(
                FieldError(
                    pointer=pointer_to((*where, "type")),
                    message=f"The secret {name!r} must be of type string: secrets are texts.",
                    code="type",
                )
            )
        elif "default" in part:
            errors.append(
                FieldError(
                    pointer=pointer_to((*where, "default")),
                    message=f"The secret {name!r} cannot have a default: everybody could read it in the code.",
                    code="default",
                )
            )
    return errors


def effective_config(schema: Schema | None, *layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema's defaults below the given layers, the last one on top; only whole top-level values replace."""
    merged: dict[str, Any] = {}
    for layer in layers:
        merged.update(layer)
    filled = fill_defaults(schema or {}, merged)
    assert isinstance(filled, dict)  # an object goes in
    return filled


def config_errors(schema: Schema | None, config: object) -> list[FieldError]:
    """Return every fault of a configuration with its defaults filled in; without a schema any object is right."""
    if not isinstance(config, Mapping):
        return [FieldError(pointer="", message="The configuration must be an object.", code="type")]
    filled = effective_config(schema, config)
    return validate(schema or {"type": "object"}, filled) or repeated_values(schema or {}, filled)


def secrets_errors(schema: Schema | None, secrets: Mapping[str, str]) -> list[FieldError]:
    """Return every fault of a set of secrets; no message ever shows a value."""
    errors = validate(schema or {"type": "object"}, dict(secrets))
    return [
        error
        if error.code in ("required", "unknown")
        else FieldError(
            pointer=error.pointer, message="The value does not fit the plugin's schema.", code=error.code
        )
        for error in errors
    ]


def _object_errors(schema: object) -> list[FieldError]:
    if isinstance(schema, Mapping) and schema.get("type", "object") == "object":
        return []
    return [FieldError(pointer="/type", message="The schema must describe an object.", code="type")]
