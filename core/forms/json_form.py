"""`JsonSchemaFormField`: a form field whose inputs come from a JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.forms.fields import InvalidJSONInput
from django_jsonform.widgets import JSONFormWidget

from core.errors import FieldError
from core.forms.form_schema import Choices, FormNode, Schema, Unrenderable, form_schema
from core.forms.form_values import (
    error_line,
    error_places,
    fits,
    keep_read_only,
    without_blanks,
)
from core.json_schema import fill_defaults, validate

_NOT_LOADED: Final = "The form did not arrive completely. Reload the page and try again; nothing was changed."


class JsonEditorWidget(forms.Textarea):
    """A plain editor for JSON: for schemas that no form can show, and where there is no schema."""

    template_name = "core/forms/json_editor.html"

    def __init__(self, *, reason: str = "", attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"rows": 14, "spellcheck": "false", "autocomplete": "off", **(attrs or {})})
        self.reason = reason

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["reason"] = self.reason
        return context


class JsonSchemaWidget(JSONFormWidget):  # type: ignore[misc]  # django-jsonform has no types
    """The inputs of one schema; falls back to the editor for a value that these inputs would damage."""

    template_name = "core/forms/json_form.html"

    def __init__(self, node: FormNode, *, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(schema=node, attrs=attrs)
        self.node = node
        self.error_map: dict[str, list[str]] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> JsonSchemaWidget:
        # Forms copy their declared fields; the errors of one request must not appear in the next.
        copied: JsonSchemaWidget = super().__deepcopy__(memo)
        copied.error_map = {}
        return copied

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> str:
        if reason := self._unshowable(value):
            editor = JsonEditorWidget(reason=reason, attrs=self.attrs)
            return editor.render(name, _indented(value), attrs, renderer)
        return str(super().render(name, value, attrs, renderer))

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        # Without scripts the textarea posts what it holds; empty it would wipe the stored value.
        context["widget"]["data"] = value or "null"
        return context

    @property
    def media(self) -> forms.Media:
        library: forms.Media = super().media
        return library + forms.Media(
            css={"all": ["admin_frame/json_form.css"]}, js=["admin_frame/json_form.js"]
        )

    def _unshowable(self, value: Any) -> str:
        try:
            data = json.loads(value) if value else None
        except ValueError:
            return "This is not valid JSON yet."
        if fits(self.node, data):
            return ""
        return "The stored value does not match the form's fields, so it is shown as it is."


class JsonSchemaFormField(forms.JSONField):
    """Edits one JSON value under a JSON Schema; `clean` returns the value that the schema accepts.

    Errors stand beside their inputs and, with the names of the inputs, in the field's error list.
    Set `current` in the form's `__init__` to what is stored: it is the initial value, and read-only parts
    are taken from it whatever the browser sends.

    Args:
        schema: Draft-07 schema; `None` or empty accepts any JSON object through a plain editor.
        current: The stored value.
        fill_defaults: Show the schema's defaults where the stored value has nothing.
        choices: Records for `x-relation`: collection name -> (id, title).
    """

    empty_values = [None, ""]  # django.forms declares it so; {} and [] are values here

    def __init__(
        self,
        *,
        schema: Schema | None,
        current: Any = None,
        fill_defaults: bool = True,
        choices: Choices | None = None,
        **kwargs: Any,
    ) -> None:
        self.schema = schema or None
        self.current = current
        self.fill_defaults = fill_defaults
        self.node: FormNode = {}
        kwargs.setdefault("encoder", DjangoJSONEncoder)
        kwargs.setdefault("initial", current)
        kwargs["widget"] = self._widget_for(choices)
        kwargs.setdefault("error_messages", {}).setdefault("required", _NOT_LOADED)
        super().__init__(**kwargs)

    def _widget_for(self, choices: Choices | None) -> forms.Widget:
        if self.schema is None:
            return JsonEditorWidget()
        try:
            self.node = form_schema(self.schema, choices=choices)
        except Unrenderable as reason:
            return JsonEditorWidget(reason=f"No form can be drawn, because {reason}.")
        widget: forms.Widget = JsonSchemaWidget(self.node)
        return widget

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, InvalidJSONInput):
            return value
        if self.schema and self.node and self.fill_defaults and value is self.current:
            empty: Any = [] if self.node.get("type") == "array" else {}
            value = fill_defaults(self.schema, empty if value is None else value)
        text = json.dumps(value, ensure_ascii=False, cls=self.encoder)
        return text if self.node else _indented(text)

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What to show again: without the blank rows, so that error paths and rows agree."""
        shown = super().bound_data(data, initial)
        if self.node and not isinstance(shown, InvalidJSONInput) and not self.disabled:
            return without_blanks(self.node, shown)
        return shown

    def to_python(self, value: Any) -> Any:
        parsed = super().to_python(value)
        if parsed is None or not self.node:
            return parsed
        return keep_read_only(self.node, without_blanks(self.node, parsed), self.current)

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value is None:
            return
        if self.schema is None:
            if not isinstance(value, dict):
                raise ValidationError("Enter a JSON object: { ... }.", code="type")
            return
        if errors := validate(self.schema, value):
            self.show_errors(errors)
            raise ValidationError(self.lines(errors))

    def show_errors(self, errors: Sequence[FieldError]) -> None:
        """Place the errors beside their inputs, for instance those that a service has found.

        Args:
            errors: With pointers that begin at this field's value.
        """
        if isinstance(self.widget, JsonSchemaWidget):
            for place, messages in error_places(self.node, errors).items():
                self.widget.error_map.setdefault(place, []).extend(messages)

    def lines(self, errors: Sequence[FieldError]) -> list[ValidationError]:
        """Return the errors as the sentences of the field's error list."""
        return [ValidationError(error_line(self.node, error), code=error.code) for error in errors]

    def has_changed(self, initial: Any, data: Any) -> bool:
        if self.node:
            initial = without_blanks(self.node, initial)
        return super().has_changed(initial, data)


def under(errors: Sequence[FieldError], prefix: str) -> list[FieldError]:
    """Return the errors below `prefix`, with pointers that begin there."""
    return [
        FieldError(pointer=error.pointer.removeprefix(prefix), message=error.message, code=error.code)
        for error in errors
        if error.pointer == prefix or error.pointer.startswith(prefix + "/")
    ]


def _indented(text: Any) -> Any:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (TypeError, ValueError):
        return text
