import importlib
from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


def _grant_tables(**kwargs: Any) -> None:
    from django.conf import settings
    from django.db import connections, transaction

    from core.tenancy.roles import grant_tables

    if not settings.IS_DATABASE_OWNER:
        return
    using: str = kwargs["using"]
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        grant_tables(cursor, settings.TABLES_WITHOUT_TENANT)


class CmsProjectConfig(AppConfig):
    """The installation: the processes, the demo, and the grants on tables without a tenant."""

    name = "cms_project"
    verbose_name = "Installation"

    def ready(self) -> None:
        # Tasks that the web process sends bind to the application which is there by then.
        importlib.import_module("cms_project.celery")
        # Sent once per app with models, after the migrations of all of them; one of them is enough.
        tenants = apps.get_app_config("tenants")
        post_migrate.connect(_grant_tables, sender=tenants, dispatch_uid="grant tables without tenant")
