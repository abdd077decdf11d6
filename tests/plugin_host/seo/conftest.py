from tests.plugin_host.installing import install, no_plugins, posts

__all__ = ["install", "no_plugins", "posts"]
