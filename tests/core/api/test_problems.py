"""Errors as answers: documents below /api, pages elsewhere, and nothing told of the inside."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.http import Http404
from django.test import Client, RequestFactory
from rest_framework import exceptions, serializers

from core.api import problems
from core.api.problems import problem_of
from core.errors import Conflict, FieldError, NoScope, TooManyRequests
from tenants.models import Tenant
from tests.core.api.content import make_collection
from tests.tenants.people import browser, host_of, make_key_text, make_member, program


class Refusing(serializers.Serializer[Any]):
    tags = serializers.ListField(child=serializers.CharField())


def refused() -> exceptions.ValidationError:
    serializer = Refusing(data={"tags": ["a", {}]})
    with pytest.raises(exceptions.ValidationError) as caught:
        serializer.is_valid(raise_exception=True)
    return caught.value


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Conflict("Taken.", code="slug_taken"), 409, "slug_taken"),
        (TooManyRequests("Slower.", retry_after_seconds=7), 429, "too_many_requests"),
        (NoScope("a secret of the inside"), 500, "error"),
        (Http404(), 404, "not_found"),
        (PermissionDenied(), 403, "forbidden"),
        (SuspiciousOperation("inside"), 400, "malformed"),
        (RequestDataTooBig("inside"), 413, "too_large"),
        (exceptions.NotAuthenticated(), 401, "unauthenticated"),
        (exceptions.Throttled(wait=6.5), 429, "too_many_requests"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (exceptions.UnsupportedMediaType("text/plain"), 415, "unsupported_media_type"),
        (exceptions.NotAcceptable(), 406, "not_acceptable"),
        (exceptions.ParseError(), 400, "malformed"),
    ],
)
def test_every_kind_of_error_has_a_status_and_a_code(error: Exception, status: int, code: str) -> None:
    problem = problem_of(error)

    assert problem is not None
    assert (problem.status, problem.code) == (status, code)
    assert "inside" not in problem.detail
    assert ("Retry-After" in problem.headers) == (status == 429)
    assert ("WWW-Authenticate" in problem.headers) == (status == 401)


def test_faults_of_serializers_are_pointed_at() -> None:
    problem = problem_of(refused())

    assert problem is not None
    assert [(error.pointer, error.code) for error in problem.errors] == [("/tags/1", "invalid")]


def test_faults_of_models_and_forms_are_pointed_at() -> None:
    problem = problem_of(ValidationError({"name": ["Too long.", "Too odd."], "__all__": ["No."]}))

    assert problem is not None
    assert problem.errors == (
        FieldError(pointer="/name", message="Too long."),
        FieldError(pointer="/name", message="Too odd."),
        FieldError(pointer="", message="No."),
    )
    single = problem_of(forms.ValidationError("Wrong."))
    assert single is not None
    assert single.errors == (FieldError(pointer="", message="Wrong."),)


def test_what_nobody_expected_is_no_problem_of_the_callers() -> None:
    assert problem_of(RuntimeError("a secret of the inside")) is None


@pytest.mark.parametrize(
    ("handler", "status"),
    [("bad_request", 400), ("permission_denied", 403), ("page_not_found", 404), ("server_error", 500)],
)
def test_djangos_own_errors_are_documents_below_api_and_pages_elsewhere(handler: str, status: int) -> None:
    def answer(path: str) -> Any:
        request = RequestFactory().get(path)
        arguments = () if handler == "server_error" else (RuntimeError("a secret of the inside"),)
        return getattr(problems, handler)(request, *arguments)

    document, page = answer("/api/v1/x"), answer("/x")

    assert (document.status_code, page.status_code) == (status, status)
    assert document.headers["Content-Type"] == "application/problem+json"
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<h1>" in page.text
    if handler == "server_error":
        assert "inside" not in document.text + page.text


@pytest.mark.parametrize("debug", [True, False])
def test_a_fault_of_ours_is_a_bare_500(
    tenant: Tenant, settings: Any, monkeypatch: pytest.MonkeyPatch, debug: bool
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("a secret of the inside")

    settings.DEBUG = debug
    monkeypatch.setattr("core.api.delivery._item_row", fail)
    monkeypatch.setattr("tenants.api.auth.allowed_actions", fail)
    client = program(host_of(tenant), make_key_text(tenant))
    client.raise_request_exception = False

    for path in ("/api/v1/content/posts/x", "/api/v1/auth/me"):
        answer = client.get(path)
        assert answer.status_code == 500
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["correlation_id"] == answer.headers["X-Correlation-ID"]
        assert "inside" not in answer.text


def test_a_wrong_csrf_token_is_told_in_the_callers_language(tenant: Tenant) -> None:
    client = browser(host_of(tenant), make_member(tenant), checks_csrf=True)

    page = client.post("/admin/logout/")
    document = client.post("/api/v1/collections", {}, "application/json")

    assert (page.status_code, document.status_code) == (403, 403)
    assert "Load the page again" in page.text
    assert document.headers["Content-Type"] == "application/problem+json"


def test_addresses_that_lead_nowhere(tenant: Tenant) -> None:
    client = Client(headers={"host": host_of(tenant)})

    for method in ("get", "post", "put", "delete"):
        answer = getattr(client, method)("/api/v2/x")
        assert (answer.status_code, answer.json()["detail"]) == (404, "There is nothing at /api/v2/x.")
    assert client.get("/api").json()["code"] == "not_found"
    assert client.get("/no/such/page").headers["Content-Type"].startswith("text/html")


def test_nul_characters_reach_no_view(tenant: Tenant) -> None:
    make_collection(tenant)
    client = program(host_of(tenant), make_key_text(tenant))

    for path in (
        "/api/v1/content/posts/a%00b",
        "/api/v1/content/posts?title=a%00b",
        "/api/v1/collections/posts/records?q=%00",
        "/api/v1/collections/%00",
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), path
    assert client.get("/posts/a%00b").status_code == 400
    body = '{"data": {"title": "a\\u0000b"}}'
    answer = client.post("/api/v1/collections/posts/records", body, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


def test_content_answers_reads_only(tenant: Tenant) -> None:
    make_collection(tenant)
    answer = Client(headers={"host": host_of(tenant)}).post("/api/v1/content/posts")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
