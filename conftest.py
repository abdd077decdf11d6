"""Every test of the project runs against real servers; they are up before Django reads its settings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.servers import ensure_servers

ensure_servers()

pytest_plugins = ["plugin_host.pytest_plugin", "plugin_host.testing", "tests.fixtures"]

# How long an example takes says something about the machine, and nothing about the code.
settings.register_profile("tenantry", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tenantry")

# They take a minute or more; begun last, one process would end long after the others.
_LONG = (
    "tests/plugin_host/scaffold/test_as_an_author.py",
    "tests/faults/",
    "tests/rules/",
    "tests/plugin_host/uninstalling/",
    "tests/plugin_host/testing/",
    "tests/cms_project/",
    "tests/guides/",
    "tests/plugin_host/loading/",
    "tests/plugin_host/release_check/",
    "tests/plugins/s3_static_deployer/",
    "tests/e2e/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long."""
    items.sort(key=lambda item: next((n for n, path in enumerate(_LONG) if item.nodeid.startswith(path)), 99))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep a file's tests in one process: what its fixtures make is dear, and may own a database by name."""
    from xdist.scheduler import LoadScopeScheduling  # only where it is used

    class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist brings no types
        def _split_scope(self, nodeid: str) -> str:
            file, _, name = nodeid.partition("::")
            # In the file of the contracts it is each plugin that is dear.
            return (
                f"{file}[{name.rpartition('[')[2]}"
                if file == "tests/rules/test_plugin_contracts.py"
                else file
            )

    return ByFile(config, log)
