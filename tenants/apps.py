from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Tenants, people and access."""

    name = "tenants"
    verbose_name = "Tenants and people"
    default_auto_field = "django.db.models.BigAutoField"
