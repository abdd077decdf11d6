from django.apps import AppConfig


class PluginHostConfig(AppConfig):
    """The plugin SDK and its runtime."""

    name = "plugin_host"
    verbose_name = "Plugins"
    default_auto_field = "django.db.models.BigAutoField"
