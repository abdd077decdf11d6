"""What goes into a schema form and what comes back from it.

All functions read the nodes that `core.forms.form_schema.form_schema` builds.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any, Final

from core.errors import FieldError
from core.forms.form_schema import FormNode

# django-jsonform joins the path of an input with this sign.
PATH_SIGN: Final = "§"
_ABSENT: Final = object()


def fits(node: FormNode, value: Any, *, root: FormNode | None = None) -> bool:
    """Tell whether the form can show this value without breaking or losing a part of it."""
    root = root or node
    node = _target(node, root)
    if value is None or "const" in node:
        return True
    if options := node.get("oneOf", node.get("anyOf")):
        return any(fits(option, value, root=root) for option in options)
    match node.get("type"):
        case "object":
            if not isinstance(value, dict):
                return False
            extra = node.get("additionalProperties", {"type": "string"})
            known = node.get("properties", {})
            return all(
                fits(known.get(key, extra), item, root=root)
                for key, item in value.items()
                if key in known or "additionalProperties" in node
            )
        case "array":
            return isinstance(value, list) and all(fits(node["items"], item, root=root) for item in value)
    if isinstance(value, dict | list):
        return False
    return "enum" not in node or value == "" or value in _allowed(node)


def without_blanks(node: FormNode, value: Any) -> Any:
    """Return a copy of `value` without what stands there only because the form has an input for it.

    The form posts "" and null for untouched inputs, and blank rows of lists. An optional blank means
    "not given"; a required one becomes what its type can express, else it goes too, so that the schema
    says "required" and not "too short".
    """
    cleaned = _cleaned(node, value, node, required=True)
    if cleaned is _ABSENT:
        return {} if node.get("type") == "object" else [] if node.get("type") == "array" else None
    return cleaned


def _cleaned(node: FormNode, value: Any, root: FormNode, *, required: bool) -> Any:
    node = _target(node, root)
    if options := node.get("oneOf", node.get("anyOf")):
        option: FormNode = next((one for one in options if fits(one, value, root=root)), {})
        return _cleaned(option, value, root, required=required)
    if isinstance(value, dict):
        return _cleaned_object(node, value, root, required=required)
    if isinstance(value, list):
        return _cleaned_array(node, value, root, required=required)
    if value not in (None, ""):
        return value
    if required and node.get("x-nullable"):
        return None
    if required and node.get("type") == "boolean":
        return False
    # A person who empties a text that has a default wants it empty; leaving it out would bring it back.
    if value == "" and node.get("x-default") and _may_be_empty_text(node):
        return ""
    return _ABSENT


def _cleaned_object(node: FormNode, value: dict[str, Any], root: FormNode, *, required: bool) -> Any:
    known = node.get("properties", {})
    extra = node.get("additionalProperties", {})
    needed = node.get("x-required", ())
    kept: dict[str, Any] = {}
    for name, item in value.items():
        if name not in known and not extra and node:
            kept[name] = item
            continue
        cleaned = _cleaned(known.get(name, extra), item, root, required=name in needed)
        if cleaned is not _ABSENT:
            kept[name] = cleaned
    return kept if kept or required else _ABSENT


def _cleaned_array(node: FormNode, value: list[Any], root: FormNode, *, required: bool) -> Any:
    items = node.get("items", {})
    rows = (_cleaned(items, item, root, required=False) for item in value)
    kept = [row for row in rows if row is not _ABSENT]
    if kept or required or node.get("x-default"):
        return kept
    return _ABSENT


def _may_be_empty_text(node: FormNode) -> bool:
    return node.get("type") == "string" and not {"enum", "format"} & set(node) and not node.get("minLength")


def keep_read_only(node: FormNode, value: Any, stored: Any, *, root: FormNode | None = None) -> Any:
    """Return a copy of `value` whose read-only parts are those of `stored`: inputs can be tampered with."""
    root = root or node
    node = _target(node, root)
    if node.get("readOnly"):
        return copy.deepcopy(stored)
    if node.get("type") != "object" or not isinstance(value, dict):
        return value
    before = stored if isinstance(stored, dict) else {}
    result = dict(value)
    for name, part in node.get("properties", {}).items():
        if part.get("readOnly") and name not in before:
            result.pop(name, None)
        elif part.get("readOnly") or (name in result and part.get("type") == "object"):
            result[name] = keep_read_only(part, result.get(name), before.get(name), root=root)
    return result


def error_places(node: FormNode, errors: Iterable[FieldError]) -> dict[str, list[str]]:
    """Return the messages by the path of the input beside which the form shows them."""
    places: dict[str, list[str]] = {}
    for error in errors:
        path: list[str] = []
        for token, part in _steps(node, error.pointer):
            path.append(token)
            if part.get("items", {}).get("widget") == "multiselect":
                break
        places.setdefault(PATH_SIGN.join(path), []).append(error.message)
    return places


def error_line(node: FormNode, error: FieldError) -> str:
    """Return the error as one sentence that begins with the names on the form: "Headers, row 2, Value: ..."."""
    names: list[str] = []
    for token, part in _steps(node, error.pointer):
        if token.isdigit() and names:
            names.append(f"row {int(token) + 1}")
        else:
            names.append(str(part.get("title") or title_of(token)))
    return f"{', '.join(names)}: {error.message}" if names else error.message


def title_of(name: str) -> str:
    """The label that the form gives to a property without a title."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:].lower()


def _steps(node: FormNode, pointer: str) -> Iterator[tuple[str, FormNode]]:
    """Walk down `pointer`: each token with the node it leads to, an empty one where the form has none."""
    root = node
    for raw in pointer.split("/")[1:]:
        token = raw.replace("~1", "/").replace("~0", "~")
        node = _target(node, root)
        if token.isdigit() and "items" in node:
            node = node["items"]
        else:
            node = node.get("properties", {}).get(token) or node.get("additionalProperties") or {}
        yield token, _target(node, root)


def _target(node: FormNode, root: FormNode) -> FormNode:
    if "$ref" not in node:
        return node
    name = node["$ref"].removeprefix("#/definitions/")
    return {**root["definitions"][name], **{key: node[key] for key in node if key != "$ref"}}


def _allowed(node: FormNode) -> list[Any]:
    return [option["value"] if isinstance(option, dict) else option for option in node["enum"]]
