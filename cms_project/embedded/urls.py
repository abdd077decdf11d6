"""The one form in which the address of an embedded server is written down and read."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit


def postgres_url(socket_dir: Path, *, user: str, name: str) -> str:
    """A URL that libpq, psycopg and django-environ all read without help.

    The host stands in the query: django-environ leaves a percent-encoded directory in the host part as it is.
    """
    host = urlencode({"host": socket_dir}, quote_via=quote)
    return f"postgres://{quote(user, safe='')}@/{quote(name, safe='')}?{host}"


def redis_url(socket_path: Path, *, db: int = 0) -> str:
    """A URL for redis-py and for Django's cache; Celery wants `celery_broker_url` of it."""
    return f"unix://{quote(str(socket_path))}?db={db}"


def celery_broker_url(url: str) -> str:
    """Translate a Redis URL into Celery's dialect, which names unix sockets differently.

    Args:
        url: `unix://...` as well as `redis://...` and `rediss://...`, which pass unchanged.
    """
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    db = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?{urlencode({'virtual_host': db})}"
