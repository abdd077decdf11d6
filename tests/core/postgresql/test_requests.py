"""Whole requests of two tenants through the real middleware: what one leaves behind, the next must not see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from pytest_django.fixtures import Settings

from core.models import Collection
from core.scope import current_scope, tenant_scope
from tenants.models import Tenant


def names() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM core_collection ORDER BY name")
        return [row[0] for row in cursor.fetchall()]


def plain(request: HttpRequest) -> HttpResponse:
    return JsonResponse(names(), safe=False)


async def asynchronous(request: HttpRequest) -> HttpResponse:
    found = [collection.name async for collection in Collection.objects.order_by("name")]
    await asyncio.sleep(0)
    found += [collection.name async for collection in Collection.objects.order_by("name")]
    return JsonResponse(found, safe=False)


def streaming(request: HttpRequest) -> StreamingHttpResponse:
    def lines() -> Iterator[str]:
        yield from names()
        yield "|"
        yield from names()

    return StreamingHttpResponse(lines())


async def async_streaming(request: HttpRequest) -> StreamingHttpResponse:
    async def lines() -> AsyncIterator[str]:
        async for collection in Collection.objects.order_by("name"):
            yield collection.name

    return StreamingHttpResponse(lines())


def server_side(request: HttpRequest) -> StreamingHttpResponse:
    rows = Collection.objects.order_by("name").values_list("name", flat=True).iterator(chunk_size=1)
    return StreamingHttpResponse(rows)


def crashing(request: HttpRequest) -> HttpResponse:
    with transaction.atomic():
        names()
        raise RuntimeError("on purpose")


def aborting(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM there_is_no_such_table")
    return HttpResponse()


urlpatterns = [
    path("plain", plain),
    path("async", asynchronous),
    path("streaming", streaming),
    path("async-streaming", async_streaming),
    path("server-side", server_side),
    path("crashing", crashing),
    path("aborting", aborting),
]


@pytest.fixture(autouse=True)
def something_to_leak(tenant: Tenant, other_tenant: Tenant, settings: Settings) -> None:
    settings.TENANT_URLCONF = __name__
    with tenant_scope(tenant.id):
        Collection.objects.create(name="ours", title="Ours")
    with tenant_scope(other_tenant.id):
        Collection.objects.create(name="theirs", title="Theirs")


@pytest.fixture
def ours(tenant: Tenant) -> Client:
    return Client(headers={"host": f"{tenant.slug}.test"}, raise_request_exception=False)


@pytest.fixture
def theirs(other_tenant: Tenant) -> Client:
    return Client(headers={"host": f"{other_tenant.slug}.test"}, raise_request_exception=False)


class AsyncClientAt(AsyncClient):
    """Django's asynchronous client, whose own host cannot be changed."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self.host = host

    def _base_scope(self, **request: Any) -> dict[str, Any]:
        scope: dict[str, Any] = super()._base_scope(**request)  # type: ignore[misc]  # the stubs leave it out
        others = [(name, value) for name, value in scope["headers"] if name != b"host"]
        return {**scope, "headers": [*others, (b"host", self.host.encode())]}


def test_requests_in_turn_see_their_own(ours: Client, theirs: Client) -> None:
    for _ in range(3):
        assert ours.get("/plain").json() == ["ours"]
        assert theirs.get("/plain").json() == ["theirs"]
    assert current_scope() is None
    assert names() == []


@pytest.mark.parametrize("path", ["/crashing", "/aborting"])
def test_failed_request_leaves_nothing_behind(ours: Client, theirs: Client, path: str) -> None:
    assert ours.get(path).status_code == 500
    assert names() == []
    assert theirs.get("/plain").json() == ["theirs"]


def test_streamed_body_keeps_its_scope_to_the_end(ours: Client, theirs: Client) -> None:
    response: Any = ours.get("/streaming")
    body = iter(response.streaming_content)
    assert next(body) == b"ours"
    # Between two parts the same thread serves somebody else.
    assert theirs.get("/plain").json() == ["theirs"]
    assert current_scope() is None
    assert b"".join(body) == b"|ours"
    response.close()
    assert names() == []


def test_streamed_server_side_cursor_keeps_its_scope(ours: Client, theirs: Client, tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        Collection.objects.create(name="ours-too", title="Ours too")
    response: Any = ours.get("/server-side")
    body = iter(response.streaming_content)
    assert next(body) == b"ours"
    assert theirs.get("/plain").json() == ["theirs"]
    assert list(body) == [b"ours-too"]


def close_connection() -> None:
    connection.close()  # looked up here, because each thread has its own


async def body_at(slug: str, path: str) -> str:
    """Ask as an ASGI server does: each request has one thread for its blocking parts, which then ends."""
    async with ThreadSensitiveContext():
        response: Any = await AsyncClientAt(f"{slug}.test").get(path)
        parts = (
            [part async for part in response.streaming_content] if response.streaming else [response.content]
        )
        await sync_to_async(close_connection)()
        return b"".join(parts).decode()


async def test_async_views_at_once_see_their_own(tenant: Tenant, other_tenant: Tenant) -> None:
    answers = await asyncio.gather(*(body_at(one.slug, "/async") for one in [tenant, other_tenant] * 5))

    assert answers == ['["ours", "ours"]', '["theirs", "theirs"]'] * 5


async def test_async_stream_keeps_its_scope(tenant: Tenant) -> None:
    assert await body_at(tenant.slug, "/async-streaming") == "ours"
