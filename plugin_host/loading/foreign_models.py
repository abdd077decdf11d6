"""Models of plugins that would change what belongs to the host, or to another plugin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.apps import apps
from django.db.models import Model

from plugin_host.errors import LoadProblem
from plugin_host.loading.app_config import PluginAppConfig, is_module_of


def foreign_models(
    configs: Sequence[PluginAppConfig],
) -> Iterator[tuple[PluginAppConfig, list[LoadProblem]]]:
    """Yield plugins whose models stand in another app, or in a table that another model has.

    Django's own checks blame the other app for that, and stop every command.
    """
    # Among those that no installed app has: a label can be any text.
    models = [model for app in apps.all_models.values() for model in app.values()]
    tables: dict[str, type[Model]] = {}
    for model in models:
        if _has_table(model) and not any(is_module_of(model.__module__, config) for config in configs):
            tables.setdefault(model._meta.db_table, model)
    for config in configs:
        own = [model for model in models if is_module_of(model.__module__, config)]
        problems = [problem for model in own if (problem := _problem(model, config, tables)) is not None]
        if problems:
            yield config, problems


def _problem(
    model: type[Model], config: PluginAppConfig, tables: dict[str, type[Model]]
) -> LoadProblem | None:
    label, table = model._meta.app_label, model._meta.db_table
    where = f"{model.__name__} ({model.__module__})"
    message = ""
    if label != config.label:
        message = (
            f"{where} has app_label = {label!r}, which is not this plugin's: leave app_label out, "
            f"or write {config.label!r}."
        )
    elif _has_table(model) and (owner := tables.setdefault(table, model)) is not model:
        message = (
            f"{where} has db_table = {table!r}, the table of {owner._meta.label}: leave db_table out, "
            f"or begin it with '{config.label}_'."
        )
    return LoadProblem(stage="models", subject=model.__name__, message=message) if message else None


def _has_table(model: type[Model]) -> bool:
    return model._meta.managed and not model._meta.proxy
