"""Where the services are that plugins call: each plugin's own default, unless the operator says otherwise.

A tenant never decides this: credentials are sent there. `SERVICE_URLS` has entries `name=address`, separated by
commas: `vercel=https://proxy.example.org/vercel`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_lock = threading.Lock()
_temporary: list[Mapping[str, str]] = []


def service_url(name: str, default: str) -> str:
    """Return where a service is, without a slash at the end.

    Args:
        name: By which the operator knows it: `vercel`.
        default: Where it is for everybody else.

    Raises:
        ValueError: `SERVICE_URLS` cannot be read.
    """
    with _lock:
        layers = [*_temporary]
    for layer in reversed(layers):
        if name in layer:
            return layer[name].rstrip("/")
    return parse_service_urls(os.environ.get("SERVICE_URLS", "")).get(name, default).rstrip("/")


def parse_service_urls(text: str) -> dict[str, str]:
    """Return what `SERVICE_URLS` says.

    Raises:
        ValueError: where an entry cannot be read; the message names it.
    """
    found = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, url = (part.strip() for part in entry.partition("="))
        if not equals or not name or not url.startswith(("http://", "https://")):
            raise ValueError(f"SERVICE_URLS has {entry!r}: write 'name=https://address'.")
        found[name] = url
    return found


@contextmanager
def use_services(**urls: str) -> Iterator[None]:
    """Have services elsewhere inside the block, in the whole process; for tests. Underscores stand for dashes."""
    layer = {name.replace("_", "-"): url for name, url in urls.items()}
    with _lock:
        _temporary.append(layer)
    try:
        yield
    finally:
        with _lock:
            _temporary.remove(layer)
