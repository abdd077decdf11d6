"""What pytest loads wherever Tenantry is installed: it looks whether a plugin is tested here, and does nothing else.

It is tested where the project's pyproject.toml has an entry point in `tenantry.plugins`, and with
`--plugin-contract`. Then servers and Django are there before any conftest is read, and the fixtures of
`plugin_host.testing` with them.
"""

from __future__ import annotations

import importlib
from collections.abc import Generator
from typing import Final

import pytest

from plugin_host.plugin_project import make_findable

# By name: the project wires, so it stands above this package.
_SERVERS: Final = "cms_project.embedded.testing"


def ensure_servers() -> None:
    """Start servers for the tests of this process, and set Django up on them."""
    importlib.import_module(_SERVERS).ensure_servers()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--plugin-contract`."""
    parser.getgroup("tenantry").addoption(
        "--plugin-contract",
        action="append",
        default=[],
        metavar="PLUGIN",
        help="hold a plugin to the contract of all plugins, named by its id or package; may be given several times",
    )


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    # Round all others: Django's own plugin for pytest reads the settings here.
    is_wanted = make_findable(early_config.rootpath) or early_config.known_args_namespace.plugin_contract
    if is_wanted and not early_config.pluginmanager.has_plugin("plugin_host.testing"):
        ensure_servers()
        early_config.pluginmanager.import_plugin("plugin_host.testing")
    return (yield)
