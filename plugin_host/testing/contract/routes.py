"""The addresses of a plugin's routes, and requests that fit them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.admindocs.views import simplify_regex
from django.urls import URLPattern, URLResolver
from django.urls.resolvers import RoutePattern
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.routes import plugin_patterns
from plugin_host.testing.contract.samples import NoSample, sample_of

PREFIX: Final = "/api/v1/plugins/"
_PARAMETER: Final = re.compile(r"<(?:\w+:)?(\w+)>")
# What is made is looked at and changed before it is taken away again.
_ORDER: Final = ("post", "get", "put", "patch", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One address of a plugin with one method; `template` has `<name>` where something is to be filled in."""

    method: str
    template: str
    body: Mapping[str, Any] | None = None

    @property
    def parameters(self) -> list[str]:
        """Names of what is to be filled in."""
        return _PARAMETER.findall(self.template)

    def filled(self, value: str) -> str:
        """Return the address with the same value everywhere."""
        return _PARAMETER.sub(value, self.template)

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.template}"


def routes_of(plugin: LoadedPlugin, *, text: str, url: str) -> list[Route]:
    """Return each address with each method that it takes, those that make things first.

    Args:
        text: What bodies are made of.
        url: The same.
    """
    patterns = plugin_patterns(plugin)
    bodies = _Bodies(patterns, text=text, url=url)
    found = [
        Route(method=method, template=template, body=bodies.of(template, method))
        for template, view in _walk(patterns, PREFIX)
        for method in _methods(view)
    ]
    return sorted(found, key=lambda route: (_ORDER.index(route.method), len(route.parameters)))


def _walk(patterns: Iterable[Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        inner = pattern.pattern
        text = str(inner)
        if not isinstance(inner, RoutePattern):
            text = simplify_regex(text).removeprefix("/")
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, prefix + text)
        elif isinstance(pattern, URLPattern):
            yield prefix + text, pattern.callback


def _methods(view: Any) -> list[str]:
    if actions := getattr(view, "actions", None):
        allowed: Iterable[str] = actions
    elif (cls := getattr(view, "cls", None) or getattr(view, "view_class", None)) is not None:
        allowed = (name for name in cls.http_method_names if hasattr(cls, name))
    else:
        # A plain function says nothing about it.
        allowed = ("get", "post")
    return [method for method in _ORDER if method in allowed]


class _Bodies:
    """Bodies for requests, from the plugin's part of the OpenAPI document."""

    def __init__(self, patterns: list[Any], *, text: str, url: str) -> None:
        with GENERATOR_STATS.silence():
            self._document: dict[str, Any] = SchemaGenerator(patterns=patterns).get_schema(public=True)  # type: ignore[no-untyped-call]  # it has no types
        self._text = text
        self._url = url

    def of(self, template: str, method: str) -> Mapping[str, Any] | None:
        """Return a body that the operation takes; None where it says nothing about one."""
        if method not in ("post", "put", "patch"):
            return None
        path = _PARAMETER.sub(r"{\1}", template.removeprefix(PREFIX.rstrip("/")))
        operation = self._document.get("paths", {}).get(path, {}).get(method, {})
        content = operation.get("requestBody", {}).get("content", {})
        schema = next((part.get("schema") for part in content.values()), None)
        if schema is None:
            return {}
        try:
            return dict(
                sample_of({**schema, **self._definitions()}, text=self._text, url=self._url),
            )
        except (NoSample, TypeError, ValueError):
            return {}

    def _definitions(self) -> dict[str, Any]:
        return {"components": self._document.get("components", {})}
