from django.apps import AppConfig
from django.core import checks


class CoreConfig(AppConfig):
    """The content kernel."""

    name = "core"
    verbose_name = "Content"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from core.tenancy.checks import check_tenant_models  # models are loaded only now

        checks.register(check_tenant_models, checks.Tags.models)
