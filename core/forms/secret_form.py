"""A form for secrets: one can set, replace and clear them, never read them.

No value ever reaches the page, also not the one just typed when another field has an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.datastructures import MultiValueDict

from core.errors import FieldError
from core.forms.form_schema import Schema
from core.forms.form_values import title_of
from core.json_schema import validate

CLEAR_SUFFIX: Final = "__clear"
NEW_NAME: Final = "__new_name"
NEW_VALUE: Final = "__new_value"
_LONG_WIDGETS: Final = frozenset({"textarea", "code"})
_LONG: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretStatus:
    """What may be said about a stored secret.

    Args:
        fingerprint: A few characters that change with the value and tell nothing about it.
        set_at: When it was set.
        set_by: Label of who set it.
    """

    fingerprint: str = ""
    set_at: datetime | None = None
    set_by: str = ""


class Keep:
    """The stored secret stays as it is."""


class Clear:
    """The stored secret is to be removed."""


KEEP: Final = Keep()
CLEAR: Final = Clear()
type SecretChange = Keep | Clear | str


class SecretWidget(forms.Widget):
    """An empty password input beside what is known of the stored secret, and a box to clear it."""

    template_name = "core/forms/secret.html"

    def __init__(self, *, status: SecretStatus | None, multiline: bool = False) -> None:
        super().__init__({"autocomplete": "new-password", "spellcheck": "false"})
        self.status = status
        self.multiline = multiline

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, None, attrs)
        context["widget"] |= {
            "status": self.status,
            "multiline": self.multiline,
            "clear_name": name + CLEAR_SUFFIX,
        }
        return context

    def value_from_datadict(
        self, data: Mapping[str, Any], files: MultiValueDict[str, Any] | Mapping[str, Any], name: str
    ) -> SecretChange:
        typed = data.get(name) or ""
        if not self.multiline:
            typed = typed.strip()
        if typed.strip():
            return str(typed)
        return CLEAR if data.get(name + CLEAR_SUFFIX) else KEEP

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return name not in data and name + CLEAR_SUFFIX not in data


class SecretField(forms.Field):
    """One secret; `clean` returns `KEEP`, `CLEAR` or the new value.

    Args:
        part: The subschema of the secret.
        needed: Whether the secret has to be there after saving.
        status: What is stored, `None` when nothing is.
    """

    empty_values = [None, ""]  # django.forms declares it so

    def __init__(self, *, part: Schema, needed: bool, status: SecretStatus | None, label: str) -> None:
        self.part = part
        self.needed = needed
        self.status = status
        long_value = isinstance(part.get("maxLength"), int) and part["maxLength"] > _LONG
        multiline = part.get("x-widget", part.get("widget")) in _LONG_WIDGETS or long_value
        super().__init__(
            required=False,
            label=label,
            help_text=str(part.get("description", "")),
            widget=SecretWidget(status=status, multiline=multiline),
        )

    def clean(self, value: SecretChange) -> SecretChange:
        if isinstance(value, Clear) and self.needed:
            raise ValidationError(
                "The plugin needs this secret. Replace it instead of clearing it.", code="required"
            )
        if isinstance(value, Keep) and self.needed and self.status is None:
            raise ValidationError("The plugin needs this secret. Enter it.", code="required")
        if isinstance(value, str):
            for error in validate(self.part, value):
                raise ValidationError(_says(self.part, error), code=error.code)
        return value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return not isinstance(data, Keep)


class SecretForm(forms.Form):
    """A form with one field per property of a SECRETS_SCHEMA.

    Where it has `patternProperties`, each stored secret whose name fits has a field as well, and one more can be added
    at a time, under a name that people choose.

    Args:
        schema: The secrets' schema: an object whose properties are texts.
        statuses: What is stored, by key.
        enforce_required: Refuse to save while a required secret is missing.
    """

    def __init__(
        self,
        *args: Any,
        schema: Schema,
        statuses: Mapping[str, SecretStatus],
        enforce_required: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        needed = schema.get("required", ()) if enforce_required else ()
        self.patterns: Schema = schema.get("patternProperties", {})
        properties: Schema = schema.get("properties", {})
        for key, part in properties.items():
            self.fields[key] = SecretField(
                part=part,
                needed=key in needed,
                status=statuses.get(key),
                label=str(part.get("title") or title_of(key)),
            )
        for key in sorted(statuses):
            if key not in properties and (found := self._part_of(key)) is not None:
                self.fields[key] = SecretField(part=found, needed=False, status=statuses[key], label=key)
        if self.patterns:
            self._add_blank()

    def _add_blank(self) -> None:
        """Offer one more secret, with a name that people choose."""
        part: Schema = next(iter(self.patterns.values()))
        title = str(part.get("title") or "Another secret")
        blank = forms.TextInput({"class": "secret-input", "autocomplete": "off", "spellcheck": "false"})
        self.fields[NEW_NAME] = forms.CharField(
            required=False, label=f"{title}: name", max_length=200, widget=blank
        )
        self.fields[NEW_VALUE] = SecretField(part=part, needed=False, status=None, label=f"{title}: value")

    def _part_of(self, key: str) -> Schema | None:
        return next((part for pattern, part in self.patterns.items() if re.search(pattern, key)), None)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        name, value = cleaned.pop(NEW_NAME, ""), cleaned.pop(NEW_VALUE, KEEP)
        if isinstance(value, str) and not name:
            self.add_error(NEW_NAME, ValidationError("Give the secret a name.", code="required"))
        elif name and (name in self.fields or self._part_of(name) is None):
            message = (
                "There is such a secret: replace it above."
                if name in self.fields
                else "This is no name for a secret of this plugin."
            )
            self.add_error(NEW_NAME, ValidationError(message, code="name"))
        elif name and not isinstance(value, str) and NEW_VALUE not in self.errors:
            self.add_error(NEW_VALUE, ValidationError("Enter the secret.", code="required"))
        elif name:
            cleaned[name] = value
        return cleaned

    @property
    def changes(self) -> dict[str, str | None]:
        """Key -> new value, or `None` to clear it; what stays as it is is left out."""
        cleaned = cast(dict[str, SecretChange], self.cleaned_data)
        return {
            key: None if isinstance(change, Clear) else change
            for key, change in cleaned.items()
            if not isinstance(change, Keep)
        }

    def add_error_at(self, error: FieldError) -> None:
        """Show an error that a service has found.

        The service's text is shown as it is: services do not quote secrets.
        """
        key = error.pointer.removeprefix("/").split("/")[0]
        self.add_error(key if key in self.fields else None, ValidationError(error.message, code=error.code))


def _says(part: Schema, error: FieldError) -> str:
    """A sentence without the value, which a validator's own message would quote."""
    match error.code:
        case "minLength":
            return f"Too short: at least {part['minLength']} characters are needed."
        case "maxLength":
            return f"Too long: at most {part['maxLength']} characters are allowed."
        case "format":
            return f"This is not a valid {part['format']}."
        case "pattern":
            return "This does not have the form that such a secret has. Copy it again, without anything around it."
        case "enum" | "const":
            return "This is not one of the allowed values."
    return f"The plugin does not accept this value (rule: {error.code})."
