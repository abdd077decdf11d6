"""What the browser is told a page may do."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from core.security_headers import ADMIN_POLICY, DOCS_POLICY, SITE_POLICY, SecurityHeadersMiddleware


def answered(request: HttpRequest, response: HttpResponse) -> HttpResponseBase:
    """The answer of a view as it leaves the middleware."""
    return SecurityHeadersMiddleware(lambda request: response).process_response(request, response)


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("/", SITE_POLICY),
        ("/api/v1/content/posts", SITE_POLICY),
        ("/administration", SITE_POLICY),
        ("/admin/core/record/", ADMIN_POLICY),
        ("/api/docs", DOCS_POLICY),
    ],
)
def test_each_part_of_the_host_has_its_policy(rf: RequestFactory, path: str, policy: str) -> None:
    response = answered(rf.get(path), HttpResponse())

    assert response.headers["Content-Security-Policy"] == policy
    assert "camera=()" in response.headers["Permissions-Policy"]


def test_a_view_may_set_a_policy_of_its_own(rf: RequestFactory) -> None:
    own = HttpResponse(headers={"Content-Security-Policy": "sandbox"})

    response = answered(rf.get("/"), own)

    assert response.headers["Content-Security-Policy"] == "sandbox"


def test_neither_site_nor_admin_allows_inline_scripts() -> None:
    assert "'unsafe-inline'" not in SITE_POLICY
    assert "script-src 'self' 'unsafe-eval';" in ADMIN_POLICY
