from tests.plugin_host.installing import install, no_plugins

__all__ = ["install", "no_plugins"]
