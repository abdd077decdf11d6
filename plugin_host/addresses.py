"""From the whole address of a page, as other services write it, to its place on the tenant's own site."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import unquote, urlsplit

__all__ = ["is_at", "path_of"]


def path_of(address: str) -> str:
    """Return the path of an address as the site writes its own: without host, query and slash at the end.

    What is no address has none, so the text is empty.
    """
    try:
        path = urlsplit(address).path
    except ValueError:
        return ""
    return unquote(path).replace("\x00", "\ufffd").rstrip("/") or "/"


def is_at(address: str, hosts: Collection[str]) -> bool:
    """Say whether an address is on one of these hosts; `www.` in front makes no difference, nor does a port."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    return _bare(host) in {_bare(one) for one in hosts}


def _bare(host: str) -> str:
    return host.casefold().partition(":")[0].removeprefix("www.")
