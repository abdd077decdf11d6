"""The Django apps of plugins, as settings need them for INSTALLED_APPS."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from django.apps import AppConfig
from django.utils.module_loading import module_has_submodule

from plugin_host.discovery import Candidate, put_on_path
from plugin_host.errors import LoadProblem, PluginLoadError
from plugin_host.identifiers import app_label
from plugin_host.loading.failures import failure_of
from plugin_host.loading.verdicts import ApprovedPlugin, Verdict, verdict_for
from plugin_host.registry import LoadFailure

_logger = logging.getLogger("tenantry.plugins")

Watch = Callable[["PluginAppConfig", str, Callable[[], None]], None]


class PluginAppConfig(AppConfig):
    """A plugin's Django app; the host gives the label, and the plugin's tables begin with it.

    Attributes:
        candidate: What it was found as.
        watch: Runs its stages, in the probe; None elsewhere.
        is_out: Whether one of them failed here, although the probe let it pass.
    """

    default_auto_field = "django.db.models.BigAutoField"
    candidate: Candidate
    plugin_id: str
    watch: Watch | None = None
    is_out = False

    def import_models(self) -> None:
        self._stage("models", super().import_models)

    def ready(self) -> None:
        self._stage("ready", super().ready)

    def _stage(self, stage: str, do: Callable[[], None]) -> None:
        if self.watch is not None:
            self.watch(self, stage, do)
            return
        try:
            do()
        except Exception as error:  # noqa: BLE001 - load isolation: a site without this plugin is better than none
            self.is_out = True
            installed.failures[self.plugin_id] = _failure(self.candidate, self.plugin_id, error, stage)


class _Installed:
    """What settings put into this process, for the loader."""

    def __init__(self) -> None:
        self.failures: dict[str, LoadFailure] = {}
        self.plugins_dir: Path | None = None
        self.var_dir: Path | None = None
        # The probe's own way to say which plugins are tried; see plugin_host.loading.probe.
        self.configure_probe: Callable[[], list[AppConfig]] | None = None


installed = _Installed()


def plugin_app_configs(*, plugins_dir: Path, var_dir: Path) -> list[AppConfig]:
    """Return the apps of all plugins that can be loaded; called once, at the end of the settings.

    What cannot be loaded is left out whole; `LoadedPlugins.failures` says why.

    Args:
        plugins_dir: Its folders are plugins; it is put on the import path.
        var_dir: Verdicts are kept there.
    """
    installed.plugins_dir, installed.var_dir = plugins_dir, var_dir
    put_on_path(plugins_dir)
    if installed.configure_probe is not None:
        return installed.configure_probe()
    verdict = verdict_for(plugins_dir=plugins_dir, var_dir=var_dir)
    installed.failures = {failure.name: failure for failure in verdict.failures}
    return list(_configs_of(verdict))


def _configs_of(verdict: Verdict) -> Iterable[AppConfig]:
    for approved in verdict.approved:
        config = _approved_config(approved)
        if isinstance(config, LoadFailure):
            installed.failures[config.name] = config
        else:
            yield config


def _approved_config(approved: ApprovedPlugin) -> PluginAppConfig | LoadFailure:
    candidate = approved.candidate
    try:
        return make_app_config(candidate, approved.id, import_package(candidate))
    except Exception as error:  # noqa: BLE001 - load isolation: what passed the probe may fail here, and is out alone
        return _failure(candidate, approved.id, error, "import")


def _failure(candidate: Candidate, plugin_id: str, error: Exception, stage: str) -> LoadFailure:
    _logger.error(
        "Plugin %s has passed its trial but fails here, so it is left out", plugin_id, exc_info=error
    )
    return failure_of(
        error,
        name=plugin_id,
        stage=stage,
        module=candidate.module,
        path=candidate.path,
        source=candidate.source,
    )


def import_package(candidate: Candidate) -> ModuleType:
    """Import a plugin's package under its own name.

    Raises:
        PluginLoadError: Another module answers to that name.
    """
    module = importlib.import_module(candidate.module)
    found = getattr(module, "__file__", None)
    if candidate.path is not None and (found is None or Path(found).parent != candidate.path):
        raise PluginLoadError(
            candidate.name,
            [
                LoadProblem(
                    stage="import",
                    subject=candidate.module,
                    message=f"The name {candidate.module!r} belongs to another module ({found}): rename the plugin's.",
                )
            ],
        )
    return module


def is_module_of(module: str, config: PluginAppConfig) -> bool:
    """Say whether a module is the plugin's."""
    return module == config.name or module.startswith(f"{config.name}.")


def make_app_config(candidate: Candidate, plugin_id: str, module: ModuleType) -> PluginAppConfig:
    """Return the app of an imported package; its own AppConfig, where `apps.py` has one, is kept."""
    base = _own_config(module)
    attributes: dict[str, Any] = {
        "label": app_label(plugin_id),
        "path": str(candidate.path),
        "candidate": candidate,
        "plugin_id": plugin_id,
    }
    bases = (PluginAppConfig,) if base is None else (PluginAppConfig, base)
    cls = type("PluginAppConfig", bases, attributes)
    config: PluginAppConfig = cls(candidate.module, module)
    return config


def _own_config(module: ModuleType) -> type[AppConfig] | None:
    if not module_has_submodule(module, "apps"):
        return None
    apps = importlib.import_module(f"{module.__name__}.apps")
    found = [
        value
        for value in vars(apps).values()
        if isinstance(value, type)
        and issubclass(value, AppConfig)
        and value is not AppConfig
        and value.__module__ == apps.__name__
    ]
    return found[0] if len(found) == 1 else None
