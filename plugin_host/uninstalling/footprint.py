"""Which tables are a plugin's own, and which rows of the host's tables are about it.

Nothing here is a list of tables: the models say it. A model of the host with a column `plugin` or `plugin_id`, or with
a foreign key to one that has, is found by itself; the few others stand in `OF_NO_PLUGIN` and `_LINKED`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.apps import apps
from django.db import models
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from plugin_host.identifiers import app_label
from plugin_host.loading.app_config import PluginAppConfig, installed
from plugin_host.models.delivery import Delivery, DeliveryAttempt, DeliveryHistory
from plugin_host.models.secret import TenantDataKey
from plugin_host.models.settings import PluginSettings
from plugin_host.registry import loaded_plugins

PLUGIN_COLUMNS: Final = ("plugin", "plugin_id")
# Models of the plugin host that hold nothing of any one plugin: a tenant's data key seals the secrets of all.
OF_NO_PLUGIN: Final[frozenset[type[models.Model]]] = frozenset({TenantDataKey})
# What belongs to a plugin through another table, without a foreign key that would say so: model -> column, tables.
_LINKED: Final[dict[type[models.Model], tuple[str, tuple[type[models.Model], ...]]]] = {
    DeliveryAttempt: ("delivery_id", (Delivery, DeliveryHistory)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRows:
    """The rows of one of the host's tables that are about a plugin.

    Args:
        condition: SQL for `WHERE`, with the parameter `%(plugin)s`.
    """

    model: type[models.Model]
    condition: sql.Composable

    @property
    def table(self) -> str:
        return self.model._meta.db_table


def host_rows() -> list[HostRows]:
    """Return all rows that the host keeps about a plugin, those first that others would hold on to."""
    direct = {model: _equals(column) for model in _host_models() if (column := plugin_column(model))}
    linked = [
        HostRows(model=model, condition=_among(column, [(target, direct[target]) for target in targets]))
        for model, (column, targets) in _LINKED.items()
    ]
    related = [
        HostRows(model=model, condition=_among(column, [(target, direct[target])]))
        for model in _host_models()
        if model not in direct and model not in _LINKED
        for column, target in _relations(model)
        if target in direct
    ]
    # A row that points at another one of the plugin's goes before it.
    order = sorted(direct, key=lambda model: -sum(target in direct for _, target in _relations(model)))
    return [*linked, *related, *(HostRows(model=model, condition=direct[model]) for model in order)]


def unclaimed_models() -> list[type[models.Model]]:
    """Return models of the plugin host of which nobody has said whether they are about a plugin."""
    known = {rows.model for rows in host_rows()} | OF_NO_PLUGIN
    return [
        model for model in _host_models() if model._meta.app_label == "plugin_host" and model not in known
    ]


def plugin_column(model: type[models.Model]) -> str:
    """Return the column that names a row's plugin, or nothing."""
    for field in model._meta.local_concrete_fields:
        if field.column in PLUGIN_COLUMNS and isinstance(field, models.CharField):
            return field.column
    return ""


def plugin_tables(cursor: CursorWrapper, label: str) -> list[str]:
    """Return the tables that are a plugin's own, whether its code is there or not.

    Its models say which where it is loaded. Where it is not, and for what models have left behind, the catalogue is
    asked for tables that begin with the label, and with that of no other plugin which is longer.
    """
    own = set(_model_tables(label))
    hosts = {model._meta.db_table for model in _host_models()}
    longer = [other for other in known_labels(cursor) if other.startswith(f"{label}_")]
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition "
        "AND relnamespace = current_schema()::regnamespace AND starts_with(relname, %s)",
        [f"{label}_"],
    )
    found = {name for (name,) in cursor.fetchall()}
    left = {name for name in found - hosts if not any(name.startswith(f"{other}_") for other in longer)}
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relname = ANY(%s) "
        "AND relnamespace = current_schema()::regnamespace",
        [sorted(own)],
    )
    return sorted({name for (name,) in cursor.fetchall()} | left)


def known_labels(cursor: CursorWrapper) -> set[str]:
    """Return the app labels of all plugins of which there is a trace: code, settings, migrations, content types."""
    loaded = loaded_plugins()
    names = {*loaded.plugins, *loaded.failures, *installed.failures}
    names |= set(PluginSettings.objects.values_list("plugin_id", flat=True).distinct())
    cursor.execute(
        "SELECT DISTINCT app FROM django_migrations WHERE starts_with(app, 'plugin_') "
        "UNION SELECT app_label FROM django_content_type WHERE starts_with(app_label, 'plugin_')"
    )
    recorded = {label for (label,) in cursor.fetchall()}
    return ({app_label(name) for name in names} | recorded) - host_labels()


def plugin_config(label: str) -> PluginAppConfig | None:
    """Return the Django app of a plugin whose code is in this process."""
    config = apps.app_configs.get(label)
    return config if isinstance(config, PluginAppConfig) else None


def host_labels() -> set[str]:
    """Return the labels of all apps that are no plugin's."""
    return {config.label for config in apps.get_app_configs() if not isinstance(config, PluginAppConfig)}


def _model_tables(label: str) -> Iterator[str]:
    config = plugin_config(label)
    for model in config.get_models(include_auto_created=True) if config is not None else ():
        if model._meta.managed and not model._meta.proxy:
            yield model._meta.db_table


def _host_models() -> list[type[models.Model]]:
    return [
        model
        for config in apps.get_app_configs()
        if not isinstance(config, PluginAppConfig)
        for model in config.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    ]


def _relations(model: type[models.Model]) -> Iterator[tuple[str, type[models.Model]]]:
    for field in model._meta.local_concrete_fields:
        if isinstance(field, models.ForeignKey) and isinstance(field.related_model, type):
            yield field.column, field.related_model


def _equals(column: str) -> sql.Composable:
    return sql.SQL("{} = {}").format(sql.Identifier(column), sql.Placeholder("plugin"))


def _among(column: str, targets: list[tuple[type[models.Model], sql.Composable]]) -> sql.Composable:
    selects = [
        sql.SQL("SELECT id FROM {} WHERE {}").format(sql.Identifier(target._meta.db_table), condition)
        for target, condition in targets
    ]
    return sql.SQL("{} IN ({})").format(sql.Identifier(column), sql.SQL(" UNION ALL ").join(selects))
