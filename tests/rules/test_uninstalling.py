"""Uninstalling a plugin finds its rows in every table of the host, also in those that are yet to come."""

from __future__ import annotations

from django.apps import apps

from plugin_host.loading.app_config import PluginAppConfig
from plugin_host.uninstalling.footprint import (
    OF_NO_PLUGIN,
    PLUGIN_COLUMNS,
    host_rows,
    plugin_column,
    unclaimed_models,
)

HOST_MODELS = [
    model
    for config in apps.get_app_configs()
    if not isinstance(config, PluginAppConfig)
    for model in config.get_models(include_auto_created=True)
]


def test_every_model_of_the_plugin_host_is_about_a_plugin_or_listed_as_not() -> None:
    assert unclaimed_models() == [], (
        "Name the plugin in a column `plugin` or `plugin_id`, or relate the model to one that does; "
        "what is about no plugin stands in OF_NO_PLUGIN."
    )
    assert not OF_NO_PLUGIN & {rows.model for rows in host_rows()}


def test_a_column_that_names_a_plugin_is_called_so() -> None:
    others = {
        f"{model._meta.label}.{field.column}"
        for model in HOST_MODELS
        for field in model._meta.local_concrete_fields
        if "plugin" in str(field.column) and field.column not in PLUGIN_COLUMNS
    }

    assert others == set()


def test_every_model_with_such_a_column_is_known() -> None:
    named = {
        model
        for model in HOST_MODELS
        if any(field.column in PLUGIN_COLUMNS for field in model._meta.local_concrete_fields)
    }

    assert {model for model in HOST_MODELS if plugin_column(model)} == named
    assert named <= {rows.model for rows in host_rows()}
    assert len(named) >= 10
