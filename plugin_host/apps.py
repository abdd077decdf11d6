from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _announce_migrations(using: str, **kwargs: Any) -> None:
    """Let processes that are up already run a plugin that has waited for its tables."""
    from django.db import DEFAULT_DB_ALIAS

    from plugin_host.state import announce_plugin_change

    if using == DEFAULT_DB_ALIAS:
        announce_plugin_change(None)


class PluginHostConfig(AppConfig):
    """The plugin SDK and its runtime."""

    name = "plugin_host"
    verbose_name = "Plugins"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from plugin_host.bus import set_exchange  # models are loaded only now
        from plugin_host.bus.exchange import Exchange
        from plugin_host.bus_directory import PluginDirectory
        from plugin_host.dispatch import receivers  # noqa: F401  # importing it connects the signals
        from plugin_host.health import receivers as health_receivers  # noqa: F401  # the same
        from plugin_host.runtime import set_backend
        from plugin_host.runtime_backend import DatabaseBackend
        from plugin_host.scheduling import receivers as schedule_receivers  # noqa: F401  # the same

        set_backend(DatabaseBackend())
        set_exchange(Exchange(PluginDirectory()))
        post_migrate.connect(_announce_migrations, sender=self, dispatch_uid="announce plugin migrations")
