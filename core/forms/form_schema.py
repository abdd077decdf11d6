"""From a JSON Schema to the dialect that the form in the browser understands.

The form library (django-jsonform) draws a subset of draft-07 and fails hard outside it: one property with
an `enum` and no `type` makes the whole form vanish. So a new schema is built here from the parts that it
draws, and what it cannot draw at all is told apart, so that the caller can offer a plain JSON editor.
The result only draws. Whether a value is right is decided by `core.json_schema.validate` alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

type Schema = Mapping[str, Any]
type FormNode = dict[str, Any]
type Choices = Callable[[str], Sequence[tuple[str, str]]]
"""Collection name -> (value, label) of the records that an `x-relation` may point at."""

# A schema of a few hundred bytes can unfold into millions of nodes through `$ref` (b = [a, a], c = [b, b]).
MAX_NODES = 2000
MAX_DEPTH = 24
LONG_TEXT = 300

_INPUT_FORMATS = frozenset(
    {"email", "uri", "uri-reference", "date", "time", "date-time", "color", "password"}
)
_WIDGETS = frozenset({"textarea", "radio", "range", "hidden"})
_LONG_TEXT_WIDGETS = frozenset({"textarea", "markdown", "html", "richtext", "code"})
_SCALAR_KEYWORDS = ("minLength", "maxLength", "minimum", "maximum", "placeholder")
_CONDITIONAL = ("then", "else")


class Unrenderable(Exception):
    """The schema holds something that only a JSON editor can edit; the text says what."""


def form_schema(schema: Schema, *, choices: Choices | None = None) -> FormNode:
    """Return the schema to draw, leaving `schema` as it is.

    Beside the library's keywords the nodes carry `x-default`, `x-nullable` and `x-required`, which
    `core.forms.form_values` reads. Nothing of the input is shared with the result.

    Args:
        schema: Draft-07 schema whose top is an object, an array or a choice of these.
        choices: Looks up the records for `x-relation`; without it such a field is a text input.

    Raises:
        Unrenderable: The form library cannot draw this schema.
    """
    return _Builder(schema, choices).build()


class _Builder:
    def __init__(self, schema: Schema, choices: Choices | None) -> None:
        self.root = schema
        self.choices = choices
        self.nodes = 0
        self.recursive: dict[str, str] = {}

    def build(self) -> FormNode:
        if not self.root:
            raise Unrenderable("the schema is empty")
        top = self.node(self.root, refs=(), eager=frozenset(), depth=0)
        if top.get("type") not in {"object", "array"} and not {"oneOf", "anyOf"} & set(top):
            raise Unrenderable("the top of the schema is neither an object nor an array")
        self._add_definitions(top)
        # The form field round it has a label already.
        top.pop("title", None)
        top.pop("description", None)
        return top

    def _add_definitions(self, top: FormNode) -> None:
        definitions: FormNode = {}
        while missing := [ref for ref, name in self.recursive.items() if name not in definitions]:
            for ref in missing:
                target = self.resolve(ref)
                definitions[self.recursive[ref]] = self.node(target, refs=(ref,), eager=frozenset(), depth=1)
        if definitions:
            top["definitions"] = definitions

    def node(self, schema: Any, *, refs: tuple[str, ...], eager: frozenset[str], depth: int) -> FormNode:
        """One part of the schema.

        Args:
            schema: The part.
            refs: References that are being followed, outermost first.
            eager: Those of them that the form would follow again without a person asking for it.
            depth: How deep the part lies.
        """
        self.nodes += 1
        if self.nodes > MAX_NODES or depth > MAX_DEPTH:
            raise Unrenderable("the schema is too large for a form")
        if schema is True or schema == {}:
            schema = {"type": "string"}
        if not isinstance(schema, Mapping):
            raise Unrenderable("a part of the schema is not an object")

        if "$ref" in schema:
            return self._reference(schema, refs=refs, eager=eager, depth=depth)
        schema = self._merged(schema, refs)
        node = self._head(schema)
        if "const" in schema:
            return node | {"const": copy.deepcopy(schema["const"])}
        if options := self._options(schema):
            return self._choice(node, schema, options)
        for keyword in ("oneOf", "anyOf"):
            if keyword in schema:
                return self._alternatives(node, schema, keyword, refs=refs, eager=eager, depth=depth)

        kind = node["type"] = self._kind(schema)
        if kind == "object":
            return self._object(node, schema, refs=refs, eager=eager, depth=depth)
        if kind == "array":
            return self._array(node, schema, refs=refs, depth=depth)
        return self._scalar(node, schema, kind)

    # References and combinations -----------------------------------------------------------------------

    def resolve(self, ref: object) -> Mapping[str, Any]:
        if not isinstance(ref, str) or not (ref == "#" or ref.startswith("#/")):
            raise Unrenderable(f"the reference {ref!r} points outside the schema")
        target: Any = self.root
        for token in ref[2:].split("/") if ref != "#" else ():
            key = token.replace("~1", "/").replace("~0", "~")
            if isinstance(target, Mapping) and key in target:
                target = target[key]
            elif isinstance(target, list) and key.isdigit() and int(key) < len(target):
                target = target[int(key)]
            else:
                raise Unrenderable(f"the reference {ref!r} points at nothing")
        if not isinstance(target, Mapping):
            raise Unrenderable(f"the reference {ref!r} does not point at a schema")
        return target

    def _reference(
        self, schema: Schema, *, refs: tuple[str, ...], eager: frozenset[str], depth: int
    ) -> FormNode:
        ref = schema["$ref"]
        target = self.resolve(ref)
        if ref in eager:
            raise Unrenderable(f"the reference {ref!r} contains itself")
        # Draft-07 ignores what stands beside `$ref`; as a label it is what the author meant.
        labels = {key: schema[key] for key in ("title", "description") if key in schema}
        if ref in refs:
            name = self.recursive.setdefault(ref, f"part{len(self.recursive) + 1}")
            return {"$ref": f"#/definitions/{name}", **labels}
        return self.node({**target, **labels}, refs=(*refs, ref), eager=eager | {ref}, depth=depth + 1)

    def _merged(self, schema: Schema, refs: tuple[str, ...]) -> Schema:
        """Fold `allOf` and the branches of conditions into one flat part.

        A field that only a condition asks for is drawn always: otherwise nobody could fill it in.
        """
        parts: list[tuple[Any, bool]] = [(part, True) for part in schema.get("allOf", ())]
        parts += [(schema[key], False) for key in _CONDITIONAL if key in schema]
        parts += [
            (part, False) for part in schema.get("dependencies", {}).values() if isinstance(part, Mapping)
        ]
        if not parts:
            return schema
        merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
        for part, binding in parts:
            self._fold(merged, self._flat(part, refs), binding=binding)
        return merged

    def _flat(self, part: Any, refs: tuple[str, ...]) -> Schema:
        seen = set(refs)
        while isinstance(part, Mapping) and "$ref" in part:
            if part["$ref"] in seen:
                raise Unrenderable(f"the reference {part['$ref']!r} contains itself")
            seen.add(part["$ref"])
            part = self.resolve(part["$ref"])
        if not isinstance(part, Mapping):
            return {}
        return self._merged(part, tuple(seen))

    @staticmethod
    def _fold(merged: dict[str, Any], part: Schema, *, binding: bool) -> None:
        if "properties" in part:
            merged["properties"] = {**part["properties"], **merged.get("properties", {})}
        if not binding:
            return
        if "required" in part:
            merged["required"] = [*merged.get("required", ()), *part["required"]]
        for key, value in part.items():
            if key not in {"properties", "required"}:
                merged.setdefault(key, value)

    def _alternatives(
        self,
        node: FormNode,
        schema: Schema,
        keyword: str,
        *,
        refs: tuple[str, ...],
        eager: frozenset[str],
        depth: int,
    ) -> FormNode:
        options = [option for option in schema[keyword] if not _is_null(option)]
        if len(options) < len(schema[keyword]):
            node["x-nullable"] = True
        if not options:
            raise Unrenderable(f"`{keyword}` offers nothing but null")
        base = {key: value for key, value in schema.items() if key not in {"oneOf", "anyOf"}}
        if self._only_requires(options):
            return self.node(base, refs=refs, eager=eager, depth=depth + 1)
        if len(options) == 1:
            inner = self.node(options[0], refs=refs, eager=eager, depth=depth + 1)
            return {**inner, **node}
        if "properties" in base:
            parts = [self._flat(option, refs) for option in options]
            for part in parts:
                self._fold(base, part, binding=False)
            return self.node(base, refs=refs, eager=eager, depth=depth + 1)
        drawn = [self.node(option, refs=refs, eager=eager, depth=depth + 1) for option in options]
        if any("$ref" in option for option in drawn):
            raise Unrenderable(f"`{keyword}` contains itself")
        return {**node, keyword: drawn}

    @staticmethod
    def _only_requires(options: Iterable[Any]) -> bool:
        """`anyOf: [{required: [a]}, {required: [b]}]` is a condition, not something to draw."""
        return all(isinstance(option, Mapping) and set(option) <= {"required", "not"} for option in options)

    # Kinds ---------------------------------------------------------------------------------------------

    @staticmethod
    def _head(schema: Schema) -> FormNode:
        node: FormNode = {}
        for key in ("title", "description"):
            if isinstance(schema.get(key), str) and schema[key]:
                node[key] = schema[key]
        if "default" in schema:
            node["x-default"] = copy.deepcopy(schema["default"])
        if schema.get("readOnly") is True:
            node["readOnly"] = True
        types = schema.get("type")
        if (isinstance(types, list) and "null" in types) or schema.get("nullable") is True:
            node["x-nullable"] = True
        return node

    @staticmethod
    def _kind(schema: Schema) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):
            kinds = [one for one in kind if one != "null"]
            if {"object", "array"} & set(kinds) and len(kinds) > 1:
                raise Unrenderable("a value may be of several types")
            kind = "string" if "string" in kinds else next(iter(kinds), "string")
        if kind is None:
            if "properties" in schema or "additionalProperties" in schema or "patternProperties" in schema:
                return "object"
            return "array" if "items" in schema else "string"
        if kind not in {"object", "array", "string", "integer", "number", "boolean"}:
            raise Unrenderable(f"the type {kind!r} has no input")
        return str(kind)

    def _object(
        self, node: FormNode, schema: Schema, *, refs: tuple[str, ...], eager: frozenset[str], depth: int
    ) -> FormNode:
        properties = schema.get("properties", {})
        if not isinstance(properties, Mapping):
            raise Unrenderable("`properties` is not an object")
        node["properties"] = {
            name: self.node(part, refs=refs, eager=eager, depth=depth + 1)
            for name, part in properties.items()
            if part is not False
        }
        node["required"] = [name for name in dict.fromkeys(schema.get("required", ())) if name in properties]
        node["x-required"] = list(node["required"])
        extra = schema.get("additionalProperties")
        if extra is None and not properties:
            extra = next(iter(schema.get("patternProperties", {}).values()), True)
        if extra is not None and extra is not False and (extra is not True or not properties):
            node["additionalProperties"] = self.node(extra, refs=refs, eager=frozenset(), depth=depth + 1)
        return node

    def _array(self, node: FormNode, schema: Schema, *, refs: tuple[str, ...], depth: int) -> FormNode:
        items = schema.get("items", True)
        if isinstance(items, list):
            raise Unrenderable("the items of a list differ by position")
        node["items"] = self.node(items, refs=refs, eager=frozenset(), depth=depth + 1)
        for keyword in ("minItems", "maxItems"):
            if isinstance(schema.get(keyword), int):
                node[keyword] = schema[keyword]
        if "enum" in node["items"] and schema.get("x-widget") != "list":
            node["items"]["widget"] = "multiselect"
        if "$ref" not in node["items"] and "x-default" in node["items"]:
            node["items"]["default"] = node["items"]["x-default"]
        return node

    def _scalar(self, node: FormNode, schema: Schema, kind: str) -> FormNode:
        if "description" in node:
            node["help_text"] = node.pop("description")
        for keyword in _SCALAR_KEYWORDS:
            if isinstance(schema.get(keyword), int | float | str) and not isinstance(schema[keyword], bool):
                node[keyword] = schema[keyword]
        wanted = schema.get("x-widget", schema.get("widget"))
        if kind == "string":
            if schema.get("format") in _INPUT_FORMATS:
                node["format"] = schema["format"]
            long_text = isinstance(schema.get("maxLength"), int) and schema["maxLength"] > LONG_TEXT
            if wanted in _LONG_TEXT_WIDGETS or (long_text and "format" not in node):
                node["widget"] = "textarea"
                node.pop("format", None)
        if wanted in _WIDGETS and "widget" not in node:
            node["widget"] = wanted
        return node

    # Choices -------------------------------------------------------------------------------------------

    def _options(self, schema: Schema) -> list[tuple[Any, str]]:
        """(value, label) where only certain values are allowed, else nothing."""
        if isinstance(schema.get("enum"), list):
            names = schema.get("x-enum-titles", schema.get("enumNames", ()))
            labels = dict(enumerate(names)) if isinstance(names, list) else {}
            return [
                (value, str(labels.get(index, _label(value))))
                for index, value in enumerate(schema["enum"])
                if value is not None
            ]
        for keyword in ("oneOf", "anyOf"):
            parts = schema.get(keyword, ())
            if parts and all(
                isinstance(part, Mapping) and ("const" in part or _is_null(part)) for part in parts
            ):
                return [
                    (part["const"], str(part.get("title", _label(part["const"]))))
                    for part in parts
                    if "const" in part
                ]
        relation = schema.get("x-relation")
        if self.choices is not None and (collection := _relation_target(relation)):
            return list(self.choices(collection))
        return []

    def _choice(self, node: FormNode, schema: Schema, options: list[tuple[Any, str]]) -> FormNode:
        kinds = {_type_of(value) for value, _label_ in options}
        if kinds == {"integer", "number"}:
            kinds = {"number"}
        if len(kinds) != 1 or not kinds <= {"string", "integer", "number", "boolean"}:
            raise Unrenderable("the allowed values are of several types")
        node["type"] = kinds.pop()
        if "description" in node:
            node["help_text"] = node.pop("description")
        node["enum"] = [
            value if label == str(value) else {"title": label, "value": value} for value, label in options
        ]
        if schema.get("x-widget", schema.get("widget")) == "radio":
            node["widget"] = "radio"
        return node


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and (schema.get("type") == "null" or schema.get("const", 0) is None)


def _relation_target(relation: Any) -> str:
    if isinstance(relation, str):
        return relation
    if isinstance(relation, Mapping):
        return str(relation.get("collection", ""))
    return ""


def _label(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return str(value)


def _type_of(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case str():
            return "string"
        case int():
            return "integer"
        case float():
            return "number"
    return "other"
