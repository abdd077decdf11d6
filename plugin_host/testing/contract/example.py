"""What a plugin brings along so that it can be tried; most plugins need none of it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from plugin_host.testing.peer import HttpPeer

MODULE = "contract"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to one of the plugin's own routes.

    Args:
        path: Below `/api/v1/plugins/<prefix>/`: `tasks`.
        data: Sent as JSON.
        headers: Sent beside the credentials.
    """

    method: str
    path: str
    data: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """How a plugin is tried. Whatever is not said is made up from its schemas.

    Args:
        config: Configuration with which it works.
        secrets: Secrets with which it works; they must not appear anywhere.
        collection: The collection in which content is made.
        collection_schema: Its JSON Schema; by default it takes any fields.
        data: Fields of the content that is made.
        arguments: hook -> arguments after the context, for hooks whose samples do not fit.
        requests: Requests to the plugin's routes, made before those that are made up.
        services: Name of a service (`http.service_url`) -> where it is.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    collection: str = "articles"
    collection_schema: Mapping[str, Any] | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    requests: Sequence[Request] = ()
    services: Mapping[str, str] = field(default_factory=dict)


def example_of(package: str, peer: HttpPeer) -> Example:
    """Return what `example(peer)` in a package's `contract.py` says; nothing special where there is none.

    Args:
        peer: Plays every service that the plugin calls.

    Raises:
        TypeError: It says something that is no `Example`.
    """
    name = f"{package}.{MODULE}"
    if not package or find_spec(name) is None:
        return Example()
    found = importlib.import_module(name).example(peer)
    if not isinstance(found, Example):
        raise TypeError(f"example(peer) in {name} must return an Example, not {found!r}.")
    return found
