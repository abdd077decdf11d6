"""Every test of the project runs against real servers; they are up before Django reads its settings."""

import pytest
from hypothesis import HealthCheck, settings

from tests.servers import ensure_servers

ensure_servers()

pytest_plugins = ["plugin_host.pytest_plugin", "plugin_host.testing", "tests.fixtures"]


# How long an example takes says something about the machine, and nothing about the code.
settings.register_profile("tenantry", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tenantry")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that share a module's fixture in one process: it is dear, and may own a database by name."""
    for item in items:
        if not isinstance(item, pytest.Function) or item.get_closest_marker("xdist_group"):
            continue
        definitions = item._fixtureinfo.name2fixturedefs.values()
        if any(one.scope == "module" and one.baseid for several in definitions for one in several):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
