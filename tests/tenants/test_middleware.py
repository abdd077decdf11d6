"""The tenant of a request: from its host, for all of it, and gone afterwards."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory

from core.actors import system_actor
from core.platform_work import PlatformWork
from core.scope import current_scope, platform_scope, tenant_scope
from tenants.middleware import TenantMiddleware
from tenants.models import Domain, Tenant
from tenants.services.directory import add_domain, remove_domain, resume_tenant, suspend_tenant
from tests.tenants.people import PLATFORM_HOST, host_of


def slug_in_scope(request: HttpRequest) -> HttpResponse:
    scope = current_scope()
    return HttpResponse(scope.tenant_slug if scope else "none")


def ask(view: object, host: str, path: str = "/", **extra: str) -> HttpResponse:
    request = RequestFactory().get(path, headers={"host": host, **extra})
    answer: HttpResponse = TenantMiddleware(view)(request)  # type: ignore[arg-type, assignment]  # synchronous view
    return answer


@pytest.mark.parametrize("spelling", ["{}", "{}:8000", "{}."])
def test_the_host_decides_the_tenant(tenant: Tenant, other_tenant: Tenant, spelling: str) -> None:
    for one in (tenant, other_tenant):
        answer = ask(slug_in_scope, spelling.format(host_of(one).upper()))

        assert answer.content.decode() == one.slug
    assert current_scope() is None


@pytest.mark.parametrize("host", ["nobody.test", "a b", "x" * 300, "[::1]", "", "bad\x00host"])
def test_an_unknown_host_is_nobody(host: str) -> None:
    request = RequestFactory().get("/")
    request.META["HTTP_HOST"] = host

    answer = TenantMiddleware(slug_in_scope)(request)

    assert answer.status_code == 404  # type: ignore[union-attr]  # synchronous view
    assert answer.headers["Content-Security-Policy"]  # type: ignore[union-attr]


def test_an_unknown_host_gets_a_document_below_api() -> None:
    answer = Client(headers={"host": "nobody.test"}).get("/api/v1/content/posts")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "unknown_host"
    assert uuid.UUID(answer.json()["correlation_id"]) == uuid.UUID(answer.headers["X-Correlation-ID"])


def test_platform_hosts_have_no_tenant() -> None:
    assert ask(slug_in_scope, "platform.test").content == b"none"


def test_probes_are_answered_at_any_host(tenant: Tenant) -> None:
    for host in ("10.0.0.7:8000", host_of(tenant), "platform.test"):
        client = Client(headers={"host": host})

        assert client.get("/livez").content == b"ok\n"
        answer = client.get("/readyz?part=database&part=broker")
        assert answer.json() == {"ready": True, "parts": {"database": "ok", "broker": "ok"}}


def test_a_new_host_answers_at_once_and_a_removed_one_no_more(tenant: Tenant) -> None:
    host = f"www.{host_of(tenant)}"
    assert ask(slug_in_scope, host).status_code == 404

    with tenant_scope(tenant.pk, actor=system_actor("tests")):
        add_domain(host=host)
    assert ask(slug_in_scope, host).content.decode() == tenant.slug

    with tenant_scope(tenant.pk, actor=system_actor("tests")):
        remove_domain(host=host)
    assert ask(slug_in_scope, host).status_code == 404


def test_a_suspended_tenant_answers_503_until_it_is_resumed(tenant: Tenant, other_tenant: Tenant) -> None:
    client = Client(headers={"host": host_of(tenant)})
    with platform_scope(PlatformWork.TENANT_DIRECTORY, actor=system_actor("tests")):
        suspend_tenant(slug=tenant.slug)

    page = client.get("/")
    document = client.get("/api/v1/content/posts")
    assert (page.status_code, document.status_code) == (503, 503)
    assert "taking a break" in page.text
    assert document.json()["code"] == "tenant_suspended"
    assert ask(slug_in_scope, host_of(other_tenant)).status_code == 200

    with platform_scope(PlatformWork.TENANT_DIRECTORY, actor=system_actor("tests")):
        resume_tenant(slug=tenant.slug)
    assert ask(slug_in_scope, host_of(tenant)).status_code == 200


def test_a_correlation_id_is_taken_over_or_made(tenant: Tenant) -> None:
    given = str(uuid.uuid4())

    taken = ask(slug_in_scope, host_of(tenant), **{"X-Correlation-ID": given})
    made = ask(slug_in_scope, host_of(tenant), **{"X-Correlation-ID": "<script>"})

    assert taken.headers["X-Correlation-ID"] == given
    assert str(uuid.UUID(made.headers["X-Correlation-ID"])) == made.headers["X-Correlation-ID"]


def hosts_in_sight() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT host FROM tenants_domain")
        return [row[0] for row in cursor.fetchall()]


def test_a_streamed_body_is_made_in_the_scope_of_its_request(tenant: Tenant, other_tenant: Tenant) -> None:
    closed: list[str] = []

    def parts() -> Iterator[str]:
        try:
            yield hosts_in_sight()[0]
            yield hosts_in_sight()[0]
        finally:
            closed.extend(hosts_in_sight())

    first = ask(lambda request: StreamingHttpResponse(parts()), host_of(tenant))
    second = ask(lambda request: StreamingHttpResponse(parts()), host_of(other_tenant))
    assert isinstance(first, StreamingHttpResponse)
    assert isinstance(second, StreamingHttpResponse)

    # Turn by turn, as a server with several connections in one thread would.
    body = zip(first, second, strict=True)
    assert [next(body), next(body)] == [
        (host_of(tenant).encode(), host_of(other_tenant).encode()),
        (host_of(tenant).encode(), host_of(other_tenant).encode()),
    ]
    assert current_scope() is None
    first.close()
    second.close()
    assert closed == [host_of(tenant), host_of(other_tenant)]
    assert current_scope() is None


async def test_asynchronous_views_keep_the_scope_too(tenant: Tenant) -> None:
    async def view(request: HttpRequest) -> StreamingHttpResponse:
        async def parts() -> AsyncIterator[str]:
            for _ in range(2):
                domain = await Domain.objects.aget()
                yield domain.host

        return StreamingHttpResponse(parts())

    request = RequestFactory().get("/", headers={"host": host_of(tenant)})
    answer = await TenantMiddleware(view)(request)  # type: ignore[misc]  # asynchronous, for the view is
    assert isinstance(answer, StreamingHttpResponse)

    assert [part async for part in answer] == [host_of(tenant).encode()] * 2
    assert current_scope() is None


def test_an_exception_leaves_no_scope(tenant: Tenant) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        raise RuntimeError("a view's fault")

    with pytest.raises(RuntimeError):
        ask(view, host_of(tenant))

    assert current_scope() is None


@pytest.mark.parametrize(
    "path",
    [
        "/posts/a%00",
        "/posts?page=%00",
        "/admin/core/record/?collection=%00",
        "/api/v1/content/%00",
        "/api/v1/content/posts/a%00?locale=%00",
        "/api/v1/collections/%00/records",
        "/api/v1/collections/posts/records?q=%00",
    ],
)
def test_an_address_with_nul_is_refused_before_it_reaches_the_database(tenant: Tenant, path: str) -> None:
    for host in (host_of(tenant), PLATFORM_HOST):
        answer = Client(headers={"host": host}).get(path)

        assert answer.status_code == 400
        assert "NUL" in answer.content.decode()
