"""Where a fault or a change is, in the words of the plugin's forms instead of JSON pointers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from core.errors import FieldError, TenantryError
from core.forms.form_values import title_of
from plugin_host.config_changes import ChangeKind, ConfigChange, config_changes
from plugin_host.loading.plugin import LoadedPlugin

type Schema = Mapping[str, Any]

# The first part of a pointer: the tab on which it is, and whose schema has the titles.
_TABS: Final = ("config", "secrets")


def place_in_words(schema: Schema | None, pointer: str) -> str:
    """Return the titles on the way to a value: "Endpoints, row 2, Address"."""
    return ", ".join(_names(schema or {}, _tokens(pointer)))


def error_in_words(plugin: LoadedPlugin | None, error: FieldError) -> str:
    """Return a fault of a plugin's settings as one sentence: "Configuration, Endpoints: …"."""
    tab, *rest = _tokens(error.pointer) or [""]
    if tab not in _TABS:
        return error.message  # it points into a request, which a person has not written
    if plugin is None:
        return f"{error.pointer}: {error.message}"
    about = plugin.metadata
    title, schema = (
        ("Configuration", about.config_schema) if tab == "config" else ("Secrets", about.secrets_schema)
    )
    return f"{', '.join([title, *_names(schema or {}, rest)])}: {error.message}"


def refusal_in_words(plugin: LoadedPlugin | None, refusal: TenantryError) -> TenantryError:
    """Return what a refusal says, with its faults as sentences without pointers."""
    errors = [
        FieldError(pointer="", message=error_in_words(plugin, one), code=one.code) for one in refusal.errors
    ]
    return TenantryError(refusal.message, code=refusal.code, errors=errors)


def entry_by_entry(change: ConfigChange) -> Iterator[ConfigChange]:
    """Return what differs inside of two lists of objects, at each place; any other change as it is."""
    before, after = change.before or [], change.after or []
    if not (before or after) or not (_is_list_of_objects(before) and _is_list_of_objects(after)):
        yield change
        return
    for row in range(max(len(before), len(after))):
        pointer = f"{change.pointer}/{row}"
        if row >= len(before):
            yield ConfigChange(pointer=pointer, kind=ChangeKind.ADDED, after=after[row])
        elif row >= len(after):
            yield ConfigChange(pointer=pointer, kind=ChangeKind.REMOVED, before=before[row])
        else:
            for one in config_changes(before[row], after[row]):
                yield replace(one, pointer=f"{pointer}{one.pointer}")


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, Mapping) for one in value)


def value_in_words(value: Any) -> str:
    """Return a setting's value as people would write it; what has parts of its own is shown as JSON."""
    if value is None or value in ("", [], {}):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return ", ".join(value_in_words(one) for one in value)
    if isinstance(value, Mapping) and not any(isinstance(one, Mapping) for one in value.values()):
        return "\n".join(f"{name}: {value_in_words(one)}" for name, one in value.items())
    return json.dumps(value, ensure_ascii=False, indent=2)


def _names(schema: Schema, tokens: list[str]) -> Iterator[str]:
    node: Schema = schema
    for token in tokens:
        properties = node.get("properties", {})
        if token.isdigit() and token not in properties:
            items = node.get("items", {})
            node = items if isinstance(items, Mapping) else {}
            yield f"row {int(token) + 1}"
        elif token in properties:
            node = properties[token]
            yield str(node.get("title") or title_of(token))
        else:
            # A name that a person gave: it is what stands on the form.
            node = {}
            yield token


def _tokens(pointer: str) -> list[str]:
    return [raw.replace("~1", "/").replace("~0", "~") for raw in pointer.split("/")[1:]]
