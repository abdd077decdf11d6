"""What the bodies of requests must look like: one JSON Schema per use, which also stands in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rest_framework.request import Request

from core.errors import FieldError, Invalid
from core.json_schema import SchemaValidator

type Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
MOMENT: Schema = {"type": "string", "format": "date-time"}


def object_schema(properties: Mapping[str, Any], *, required: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the schema of an object that has these properties and no others."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": False,
    }
    return schema | ({"required": list(required)} if required else {})


class Body:
    """The body of one kind of request.

    Args:
        schema: draft-07; must be an object's.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = dict(schema)
        self._validator = SchemaValidator(self.schema)

    def read(self, request: Request) -> dict[str, Any]:
        """Return the body of a request; no body is an empty object.

        Raises:
            Malformed: It cannot be read.
            Invalid: It does not fit; the errors point at each fault.
        """
        value: Any = request.data
        if not isinstance(value, dict):
            message = "The body must be a JSON object."
            raise Invalid(message, errors=[FieldError(pointer="", message=message, code="type")])
        if errors := self._validator.errors(value):
            raise Invalid(_summary(errors), errors=errors)
        return dict(value)

    @property
    def openapi(self) -> dict[str, Any]:
        """The schema as OpenAPI writes it."""
        return {"application/json": self.schema}


def moment(body: dict[str, Any], name: str) -> datetime | None:
    """Return a moment of a body that was read, or None where it has none.

    Raises:
        Invalid: The moment does not exist, such as a leap second, or has no place between the years 1 and 9999.
    """
    text = body.get(name)
    if text is None:
        return None
    try:
        # In UTC, as it comes back from the database.
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        message = f"{text!r} is no moment that can be kept; write one such as 2026-01-31T12:00:00Z."
        errors = [FieldError(pointer=f"/{name}", message=message, code="format")]
        raise Invalid(message, errors=errors) from None


def _summary(errors: list[FieldError]) -> str:
    first = errors[0]
    more = f" And {len(errors) - 1} more." if len(errors) > 1 else ""
    return f"{first.pointer or 'The body'}: {first.message}{more}"
