"""From the address of a page, as Ahrefs writes it, to the place on the tenant's own site."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit


def path_of(page: str) -> str:
    """Return the path of an address as the site writes its own: without host, query and slash at the end."""
    try:
        path = urlsplit(page).path
    except ValueError:
        return ""
    return unquote(path).replace("\x00", "\ufffd").rstrip("/") or "/"


def is_at(page: str, hosts: frozenset[str]) -> bool:
    """Say whether an address is on one of these hosts; `www.` in front makes no difference."""
    try:
        host = urlsplit(page).hostname or ""
    except ValueError:
        return False
    return bare_host(host) in {bare_host(one) for one in hosts}


def bare_host(host: str) -> str:
    """Return a host in lower case, without `www.` in front and port behind."""
    return host.casefold().partition(":")[0].removeprefix("www.")
