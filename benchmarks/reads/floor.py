"""The floor: a Django view without middleware that sends the same SQL to the same indexes under the tenant role.

One connection per thread is kept; role and tenant are sent along only when the tenant changes, as the product does.
Host names are looked up in a dictionary made at start.
"""

from __future__ import annotations

import json
import os
import threading
from typing import Any

import django
import psycopg
from django.conf import settings

settings.configure(
    DEBUG=False,
    SECRET_KEY="for a measurement",  # nothing is signed with it
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[],
    INSTALLED_APPS=[],
    USE_TZ=True,
)
os.environ.pop("DJANGO_SETTINGS_MODULE", None)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402  # Django is configured only now
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402

_address = os.environ["FLOOR_DSN"]
ITEM_SQL, PAGE_SQL = os.environ["FLOOR_ITEM_SQL"], os.environ["FLOOR_PAGE_SQL"]
_tenants: dict[str, dict[str, str]] = json.loads(os.environ["FLOOR_TENANTS"])
_local = threading.local()


def _fetch(host: str, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    tenant_id = _tenants[host]["tenant"]
    cursor: Any = getattr(_local, "cursor", None)
    if cursor is None:
        connection = psycopg.connect(_address, autocommit=True, cursor_factory=psycopg.ClientCursor)
        cursor = _local.cursor = connection.cursor()
        _local.tenant = None
    if _local.tenant == tenant_id:
        cursor.execute(sql, values)
    else:
        statement = cursor.mogrify(sql, values)
        cursor.execute(
            "SELECT set_config('role', 'tenantry_tenant', false), "
            f"set_config('app.tenant_id', '{tenant_id}', false); {statement}"
        )
        cursor.nextset()
        _local.tenant = tenant_id
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def item(request: HttpRequest, slug: str) -> HttpResponse:
    document, etag, _ = _fetch(request.META["HTTP_HOST"], ITEM_SQL, ("articles", "", slug))[0]
    return _json(document, ETag=etag)


def page(request: HttpRequest) -> HttpResponse:
    host = request.META["HTTP_HOST"]
    category = request.GET["category"]
    rows = _fetch(host, PAGE_SQL, ("articles", "", _tenants[host]["collection"], "category", category, 21))
    body = '{"data":[' + ",".join(row[0] for row in rows[:20]) + "]}"
    return _json(body)


def _json(text: str, **headers: str) -> HttpResponse:
    body = text.encode()
    # Without it the server would send the body in chunks.
    headers["Content-Length"] = str(len(body))
    return HttpResponse(body, content_type="application/json", headers=headers)


urlpatterns = [
    path("api/v1/content/articles/<slug>", item),
    path("api/v1/content/articles", page),
]
application = get_wsgi_application()
