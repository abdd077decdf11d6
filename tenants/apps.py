from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Tenants, people and access."""

    name = "tenants"
    verbose_name = "Tenants and people"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from core.site import set_site_directory  # models are loaded only now
        from tenants.site_directory import TenantSites

        set_site_directory(TenantSites())
