"""The OpenAPI document and its page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from drf_spectacular import validation

from core.security_headers import DOCS_POLICY
from tenants.models import Role, Tenant
from tests.core.api.content import make_collection
from tests.tenants.people import PLATFORM_HOST, host_of, make_key_text, program


def document(client: Client) -> dict[str, Any]:
    answer = client.get("/api/schema")
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def content(tenant: Tenant) -> Tenant:
    """A tenant with a public collection, one that is not, and one whose schema refers into itself."""
    make_collection(tenant)
    make_collection(tenant, "internal", is_public=False)
    make_collection(
        tenant,
        "trees",
        schema={
            "definitions": {
                "node": {"type": "object", "properties": {"child": {"$ref": "#/definitions/node"}}}
            },
            "properties": {"root": {"$ref": "#/definitions/node"}},
        },
    )
    return tenant


def test_it_is_valid_openapi_for_everybody(content: Tenant) -> None:
    host = host_of(content)
    # drf_spectacular's own function is of the same opinion, and takes half a minute to reach it.
    specification = Path(validation.__file__).with_name("openapi_3_1_schema.json")
    validator = jsonschema_rs.validator_for(json.loads(specification.read_text()))
    for client in (
        Client(headers={"host": host}),
        Client(headers={"host": PLATFORM_HOST}),
        program(host, make_key_text(content)),
        program(PLATFORM_HOST, make_key_text(content)),
    ):
        found = document(client)

        validator.validate(found)
        assert found["openapi"] == "3.1.0"
        ids = [
            operation["operationId"]
            for item in found["paths"].values()
            for operation in item.values()
            if isinstance(operation, dict)
        ]
        assert len(ids) == len(set(ids))


def test_every_reference_leads_somewhere(content: Tenant) -> None:
    found = document(program(host_of(content), make_key_text(content)))

    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(found)):
        part: Any = found
        for step in reference.split("/"):
            part = part[step]
        assert part


def test_it_shows_a_tenants_own_collections(content: Tenant, other_tenant: Tenant) -> None:
    make_collection(other_tenant, "foreign")
    key = make_key_text(content)

    found = document(program(host_of(content), key))

    assert "/api/v1/content/posts/{key}" in found["paths"]
    assert "foreign" not in str(found)
    data = found["components"]["schemas"]["data.posts"]
    assert data["required"] == ["title"]
    body = found["paths"]["/api/v1/collections/posts/records"]["post"]["requestBody"]
    assert body["content"]["application/json"]["schema"]["properties"]["data"] == {
        "$ref": "#/components/schemas/data.posts"
    }


def test_strangers_see_public_collections_only(content: Tenant) -> None:
    strangers = document(Client(headers={"host": host_of(content)}))
    members = document(program(host_of(content), make_key_text(content, role=Role.VIEWER)))

    assert "/api/v1/content/posts" in strangers["paths"]
    assert "internal" not in str(strangers)
    assert "/api/v1/collections/posts/records" not in strangers["paths"]
    assert "/api/v1/content/internal" in members["paths"]


def test_routes_of_plugins_stand_there_where_the_plugin_is_on(tenant: Tenant) -> None:
    found = document(Client(headers={"host": host_of(tenant)}))

    assert not [path for path in found["paths"] if path.startswith("/api/v1/plugins/")]


def test_bad_credentials_are_told_so(tenant: Tenant) -> None:
    assert program(host_of(tenant), "tnt_nonsense").get("/api/schema").status_code == 401


def test_the_page_needs_nothing_from_outside(tenant: Tenant) -> None:
    answer = Client(headers={"host": host_of(tenant)}).get("/api/docs")

    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"] == DOCS_POLICY
    addresses = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert addresses
    for address in addresses:
        assert address == "/api/schema" or finders.find(address.removeprefix("/static/")), address
    assert not re.search(r"<script(?![^>]*\bsrc=)", answer.text)
    assert "style=" not in answer.text
