"""The listings and tables of the plugin guide (docs/plugins/guide.md) against the code."""

from __future__ import annotations

import importlib
import logging
import re
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from uuid import UUID

import pytest

from plugin_host.context import HookContext
from plugin_host.errors import PluginError
from plugin_host.hookspec import HOOKS
from plugin_host.loading.plugin import build_plugin, define_plugin
from plugin_host.runtime_state import PluginRun, Secrets, plugin_run
from tests.servers import PROJECT

GUIDE = (PROJECT / "docs/plugins/guide.md").read_text()
TENANT = UUID("11111111-1111-1111-1111-111111111111")
CTX = HookContext(tenant_id=TENANT, tenant_slug="acme", tenant_plan="pro")

Load = Callable[[str], ModuleType]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Import a package or module of the guide's listings."""
    listings = dict(re.findall(r"```python\n# (\S+\.py)\n(.*?)```", GUIDE, re.DOTALL))
    for name, text in listings.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    tops = {name.partition("/")[0].removesuffix(".py") for name in listings}
    # The other guide's example has the same name.
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in tops}
    for name in before:
        del sys.modules[name]
    yield importlib.import_module
    for name in [name for name in sys.modules if name.partition(".")[0] in tops]:
        del sys.modules[name]
    sys.modules.update(before)


async def test_the_minimal_plugin_loads_and_runs(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    plugin = build_plugin(define_plugin(load("my_plugin"), found_as="my_plugin"))
    assert plugin.cls is not None
    instance = plugin.cls()
    config = {"api_endpoint": "https://api.example.com"}

    with (
        plugin_run(PluginRun(plugin_id="my-plugin", tenant_id=TENANT, config=config)),
        caplog.at_level(logging.INFO),
    ):
        await getattr(instance, "dvp_content_published")(CTX, "id", {"title": "Slow food"})  # noqa: B009 - untyped

    assert caplog.messages == ["Slow food was published, https://api.example.com would be called"]


def test_secrets_are_read_as_the_guide_says(load: Load) -> None:
    cls = load("secrets_listing").WithSecret
    secrets = Secrets("with-secret", {"api_token": "abc-123"})

    with plugin_run(PluginRun(plugin_id="with-secret", tenant_id=TENANT, secrets=secrets)):
        assert cls().token(CTX) == "abc-123"
    with (
        plugin_run(PluginRun(plugin_id="with-secret", tenant_id=TENANT)),
        pytest.raises(KeyError, match="with-secret needs the secret 'api_token'"),
    ):
        cls().token(CTX)


def test_a_missing_dependency_is_said_as_the_guide_says(load: Load) -> None:
    assert find_spec("boto3") is None
    with pytest.raises(PluginError, match=r"pip install my-plugin\[aws\]"):
        load("optional_listing").S3Deployer()


def test_the_table_of_hooks_is_the_catalogues() -> None:
    rows = re.findall(r"^\| `(dvp_\w+)` \| `([^`]+)` \| (\w+) \|$", GUIDE, re.MULTILINE)

    assert rows == [
        (spec.name, ", ".join(spec.arguments[1:]), spec.kind.value)
        for spec in HOOKS.values()
        if spec.protocol == "ContentLifecycleHooks"
    ]
