"""System checks that keep a model from slipping out of its tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.db import models

from core.tenancy.models import TenantOwned, TenantRelation


def check_tenant_models(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse every model shape that row-level security and composite keys cannot guard."""
    found: list[CheckMessage] = []
    for config in app_configs or apps.get_app_configs():
        for model in config.get_models(include_auto_created=True):
            if not model._meta.managed or model._meta.proxy:
                continue
            if issubclass(model, TenantOwned):
                found += _check_tenant_owned(model)
            else:
                found += _check_listed(model)
    return found


def _check_tenant_owned(model: type[models.Model]) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for field in model._meta.local_many_to_many:
        through: Any = field.remote_field.through
        if through._meta.auto_created:
            found.append(
                Error(
                    f"{model._meta.label}.{field.name} makes a table without a tenant by itself.",
                    hint="Write the linking model yourself, derived from TenantOwned, and name it in `through`.",
                    obj=model,
                    id="core.E001",
                )
            )
    if model._meta.parents:
        found.append(
            Error(
                f"{model._meta.label} inherits the table of another model.",
                hint="Inherit from an abstract model, or link the two with a TenantRelation.",
                obj=model,
                id="core.E002",
            )
        )
    found += [
        Error(
            f"{model._meta.label}.{field.name} is a plain foreign key between two tenants' tables.",
            hint="Use TenantRelation: the database then refuses a link that leaves the tenant.",
            obj=model,
            id="core.E003",
        )
        for field in model._meta.local_fields
        if isinstance(field, models.ForeignKey)
        and not isinstance(field, TenantRelation)
        and _is_tenant_owned(field.related_model)
    ]
    return found


def _is_tenant_owned(target: Any) -> bool:
    # A name that no app has stays a string; Django's own checks report that.
    return isinstance(target, type) and issubclass(target, TenantOwned)


def _check_listed(model: type[models.Model]) -> list[CheckMessage]:
    if model._meta.db_table in settings.TABLES_WITHOUT_TENANT:
        return []
    return [
        Error(
            f"The table {model._meta.db_table} of {model._meta.label} belongs to no tenant and is not listed.",
            hint=(
                "Derive the model from PluginModel (in a plugin) or TenantOwned; only tables that really belong to "
                "the whole installation are listed in TABLES_WITHOUT_TENANT."
            ),
            obj=model,
            id="core.E004",
        )
    ]
