"""Every test of the project runs against real servers; they are up before Django reads its settings."""

from tests.servers import ensure_servers

ensure_servers()

pytest_plugins = ["plugin_host.pytest_plugin", "plugin_host.testing", "tests.fixtures"]
