"""What a deployer has to bring, and what is said where something is missing; what it does is in tests/plugins."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from plugin_host import http
from plugin_host.base import Secrets
from plugin_host.deployments import DeploymentPlugin, DeploymentService, deployment_config_schema
from plugin_host.deployments.rules import DeploymentRules
from plugin_host.errors import PluginInitializationError
from plugin_host.registry import LoadedPlugins, PluginRegistry, use_plugins
from tests.servers import PROJECT


@pytest.fixture(autouse=True)
def no_plugins() -> Iterator[LoadedPlugins]:
    with use_plugins(LoadedPlugins()) as loaded:
        yield loaded


def deployer(**members: Any) -> type[DeploymentPlugin]:
    """Return a deployer with everything but tables."""

    class Everywhere(DeploymentPlugin):
        name = "everywhere-deployer"
        version = "1.0.0"
        service = http.Service(
            name="everywhere", title="Everywhere", address="https://api.everywhere.example"
        )

        def deployment_service(self, config: Mapping[str, Any], secrets: Secrets) -> DeploymentService:
            raise AssertionError("nothing is asked of it here")

    return type("Deployer", (Everywhere,), members)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, r"It needs `class Deployment\(DeploymentRecord\)` in its models.py, with a migration"),
        ({"service": "everywhere"}, r"It needs service = http.Service\(…\)"),
        (
            {"deployment_service": DeploymentPlugin.deployment_service},
            r"It needs deployment_service\(self, config, secrets\)",
        ),
    ],
    ids=["tables", "service", "deployment_service"],
)
def test_what_is_missing_is_said_when_it_is_loaded(members: dict[str, Any], said: str) -> None:
    with pytest.raises(PluginInitializationError, match=said):
        PluginRegistry().register(deployer(**members))


def test_it_can_be_imported_before_django_is_ready() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import plugin_host.deployments"],
        cwd=PROJECT,
        env={"PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_configuration_has_its_own_properties_first_and_those_of_every_deployer() -> None:
    own = {"project": {"type": "string", "title": "Project"}}

    schema = deployment_config_schema(own, starts="a build", required=["project"])

    rules = ["events", "collections", "quiet_seconds", "longest_wait_seconds", "keep_days"]
    assert list(schema["properties"]) == ["project", *rules]
    assert (schema["required"], schema["additionalProperties"]) == (["project"], False)
    assert schema["properties"]["events"]["description"] == "Which of them start a build."
    assert schema["properties"]["quiet_seconds"]["description"].startswith("A build starts when ")
    defaults = {name: schema["properties"][name]["default"] for name in rules}
    assert DeploymentRules.from_dict({**defaults, "project": "mine"}) == DeploymentRules()


def test_the_longest_wait_may_be_shorter_than_the_quiet_time() -> None:
    rules = DeploymentRules.from_dict(
        {"quiet_seconds": 90, "longest_wait_seconds": 20, "collections": ["news"]}
    )

    assert rules.first_look_seconds == 20
    assert [rules.wants("record.published", name) for name in ("news", "pages")] == [True, False]
