"""Every test of the project runs against real servers; they are up before Django reads its settings."""

import os

import pytest

from tests.servers import ensure_servers

ensure_servers()

pytest_plugins = ["plugin_host.testing", "tests.fixtures"]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Let each worker process make its own database before it reads the settings.

    With this variable in its environment pytest-django would read them first, and all would share one database.
    """
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
