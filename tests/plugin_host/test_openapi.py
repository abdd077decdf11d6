"""Plugins' routes in the OpenAPI document."""

from __future__ import annotations

import io
from typing import Any

import pytest
import yaml
from django.core.management import call_command


@pytest.fixture(scope="module")
def document() -> Any:
    """The document of everything that is installed; a warning about it is an error."""
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    return yaml.safe_load(out.getvalue())


def test_what_two_plugins_name_alike_stays_apart(document: Any) -> None:
    assert {"VercelDeployerDeployment", "NetlifyDeployerDeployment"} <= set(document["components"]["schemas"])
    assert "Deployment" not in document["components"]["schemas"]


def test_a_plain_view_and_one_of_its_items_have_names_of_their_own(document: Any) -> None:
    paths = document["paths"]
    names = [
        paths[f"/api/v1/plugins/webhooks/endpoints{item}"]["get"]["operationId"] for item in ("", "/{name}")
    ]

    assert names == ["plugins_webhooks_endpoints_retrieve", "plugins_webhooks_endpoints_retrieve_by_name"]


def test_a_plain_view_that_says_nothing_answers_any_json(document: Any) -> None:
    answer = document["paths"]["/api/v1/plugins/gsc-integration/figures"]["get"]["responses"]["200"]

    assert answer["content"]["application/json"]["schema"]["type"] == "object"
