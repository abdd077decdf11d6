from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Tenants, people and access."""

    name = "tenants"
    verbose_name = "Tenants and people"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from core.actors import set_policy  # models are loaded only now
        from core.site import set_site_directory
        from tenants.permissions import TenantPolicy
        from tenants.site_directory import TenantSites

        set_policy(TenantPolicy())
        set_site_directory(TenantSites())
