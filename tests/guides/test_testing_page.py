"""The listing and the tables of docs/plugins/testing.md against the code."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path

import httpx
import pytest

from plugin_host.sdk_names import fixture_names
from plugin_host.testing import HttpPeer
from plugin_host.testing.contract import Example, suite
from plugin_host.testing.contract.example import example_of
from tests.servers import PROJECT

PAGE = (PROJECT / "docs/plugins/testing.md").read_text()


def first_column(heading: str) -> list[str]:
    """Return the names in the first column of the table below a heading."""
    section = PAGE.partition(f"## {heading}")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`(\w+)", row)]


def test_the_listed_example_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, http_peer: HttpPeer
) -> None:
    (listing,) = re.findall(r"```python\n# my_plugin/(contract\.py)\n(.*?)```", PAGE, re.DOTALL)
    package = tmp_path / "listed_contract"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / listing[0]).write_text(listing[1])
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()

    found = example_of("listed_contract", http_peer)

    assert found.config == {"api_endpoint": http_peer.url("/v1/items")}
    assert [(one.method, one.path, one.data) for one in found.requests] == [
        ("POST", "items", {"name": "Pear"})
    ]
    answer = httpx.post(http_peer.url("/v1/items"))
    assert (answer.status_code, answer.json()) == (201, {"id": "1"})


def test_a_package_without_examples_has_an_empty_one(http_peer: HttpPeer) -> None:
    assert example_of("reading_time", http_peer) == Example()


def test_every_contract_is_in_the_table_in_its_order() -> None:
    assert first_column("The contract") == [name for name in vars(suite) if name.startswith("test_")]


def test_every_field_of_an_example_is_in_the_table() -> None:
    assert first_column("Examples") == [field.name for field in dataclasses.fields(Example)]


def test_every_fixture_is_in_the_table(request: pytest.FixtureRequest) -> None:
    listed = first_column("Fixtures")

    for name in listed:
        assert request.getfixturevalue(name) is not None
    assert {*fixture_names()} - {"make_tenant"} <= set(listed)
