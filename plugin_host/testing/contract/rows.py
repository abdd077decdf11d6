"""What a plugin keeps: rows of its tables, its store, and content that it made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.core import serializers
from django.db import connection, models

from core.models import Record
from core.scope import tenant_scope
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.runtime import store
from plugin_host.testing import host
from plugin_host.testing.contract.account import Account
from tenants.models import Tenant


def models_of(plugin: LoadedPlugin) -> list[type[models.Model]]:
    """Return the plugin's own models that have a table."""
    if plugin.label not in {config.label for config in apps.get_app_configs()}:
        return []  # registered by hand
    return [model for model in apps.get_app_config(plugin.label).get_models() if model._meta.managed]


def kept_counts(account: Account) -> dict[str, int]:
    """Return how much the tenant has of everything that the plugin may keep."""
    with host.plugin_scope(account.plugin.id, account.tenant):
        found = {model._meta.db_table: _count(model._meta.db_table) for model in models_of(account.plugin)}
        return found | {"the store": len(store.keys()), "content": Record.objects.count()}


def kept_texts(account: Account) -> dict[str, str]:
    """Return the rows and the store's values as the plugin sees them for the tenant, as text."""
    with host.plugin_scope(account.plugin.id, account.tenant):
        found = {
            # Those of others are what `tenants_seen` finds.
            model._meta.db_table: serializers.serialize(
                "json", model._base_manager.filter(tenant_id=account.tenant.pk)
            )
            for model in models_of(account.plugin)
        }
        return found | {"the store": json.dumps({key: store.get(key) for key in store.keys()})}  # noqa: SIM118 - no mapping


def tenants_seen(model: type[models.Model], tenant: Tenant | None) -> set[Any]:
    """Return the tenants whose rows a raw query sees in a plugin's table, as the plugin of one tenant or of none."""
    statement = f"SELECT DISTINCT tenant_id FROM {connection.ops.quote_name(model._meta.db_table)}"
    if tenant is None:
        return _values(statement)
    with tenant_scope(tenant.pk, slug=tenant.slug):
        return _values(statement)


def _values(statement: str) -> set[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return {row[0] for row in cursor.fetchall()}


def _count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")
        return int(cursor.fetchone()[0])


def grown(once: Mapping[str, int], twice: Mapping[str, int]) -> list[str]:
    """Return in words what there is more of the second time."""
    return [
        f"{name}: {once.get(name, 0)} after the first time, {number} after the second"
        for name, number in twice.items()
        if number != once.get(name, 0)
    ]
