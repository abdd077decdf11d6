from tests.plugin_host.services.sample import plugins

__all__ = ["plugins"]
