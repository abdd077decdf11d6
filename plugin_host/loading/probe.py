"""The subprocess that tries plugins: `python -m plugin_host.loading.probe REQUEST ANSWER`.

It does with all candidates together what a process of the site does (imports, models, `ready`, admin) and what a site
does later (system checks, migrations, `register`, routes, pages), and writes down before each step whose turn it is.
So whatever happens to it, even its death, says which plugin it was.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from plugin_host.discovery import Candidate
from plugin_host.errors import LoadProblem, PluginLoadError
from plugin_host.identifiers import app_label
from plugin_host.loading.app_config import (
    PluginAppConfig,
    import_package,
    installed,
    is_module_of,
    make_app_config,
)
from plugin_host.loading.failures import failure_of, files_of, is_inside
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.loading.verdicts import candidate_from_json, failure_to_json
from plugin_host.registry import LoadedPlugins, LoadFailure


class Probe:
    """One trial of some candidates."""

    def __init__(self, candidates: list[Candidate], answer: TextIO) -> None:
        self._candidates = candidates
        self._answer = answer
        self._configs: list[PluginAppConfig] = []
        self._has_failed = False
        self._failed: set[str] = set()

    def run(self) -> bool:
        """Try everything; say whether all candidates may be loaded together."""
        import django  # the answer must be open before anything can go wrong

        # A plugin found wrong is reported; what Django or a plugin logs about it helps nobody.
        logging.disable(logging.CRITICAL)
        try:
            django.setup()
        except Exception as error:
            if not self._blame(error, "setup"):
                raise
            return False
        if self._has_failed:
            return False
        self._check()
        self._check_migrations()
        if not self._has_failed:
            approved = self._build()
            if not self._has_failed:
                self._say(kind="done", approved=approved)
        return not self._has_failed

    def configure(self) -> list[Any]:
        """Import the candidates for INSTALLED_APPS; called by the settings."""
        # Imported here: it needs Django's apps module, which settings may import but this module's user may not.
        from plugin_host.loading.loader import define_candidate

        taken: dict[str, Candidate] = {}
        for candidate in self._candidates:
            self._at(candidate, "import")
            stage = "import"
            try:
                module = import_package(candidate)
                stage = "metadata"
                definition = define_candidate(candidate, module)
                self._refuse_taken(candidate, definition.metadata.id, taken)
                stage = "import"
                config = make_app_config(candidate, definition.metadata.id, module)
            except Exception as error:  # noqa: BLE001 - load isolation: one plugin's failure is its own
                self._fail(candidate, error, stage)
                continue
            taken[config.label] = candidate
            config.watch = self._watch
            self._configs.append(config)
        self._at(None, "setup")
        return list(self._configs)

    def _refuse_taken(self, candidate: Candidate, plugin_id: str, taken: dict[str, Candidate]) -> None:
        other = taken.get(app_label(plugin_id))
        if other is not None:
            raise PluginLoadError(
                candidate.name,
                [
                    LoadProblem(
                        stage="metadata",
                        subject="id",
                        message=f"The id {plugin_id!r} is taken by the plugin in {other.path}: choose another one.",
                    )
                ],
            )

    def _watch(self, config: PluginAppConfig, stage: str, do: Callable[[], None]) -> None:
        self._at(config.candidate, stage)
        try:
            do()
        except Exception as error:  # noqa: BLE001 - load isolation: all that fail are found in one trial
            self._fail(config.candidate, error, stage)
        self._at(None, "setup")

    def _check(self) -> None:
        from django.core.checks import run_checks

        self._check_models()
        self._at(None, "checks")
        try:
            messages = run_checks()
        except Exception as error:
            if not self._blame(error, "checks"):
                raise
            return
        for message in messages:
            if not message.is_serious() or message.is_silenced():
                continue
            config = self._owner_of(message.obj) or self._named_in(message.msg)
            if config is not None and config.candidate.name not in self._failed:
                hint = f" {message.hint}" if message.hint else ""
                problem = LoadProblem(
                    stage="checks", subject=message.id or "", message=f"{message.msg}{hint}"
                )
                self._fail(config.candidate, PluginLoadError(config.plugin_id, [problem]), "checks")

    def _check_models(self) -> None:
        from plugin_host.loading.foreign_models import foreign_models

        for config, problems in foreign_models(self._configs):
            self._fail(config.candidate, PluginLoadError(config.plugin_id, problems), "models")

    def _check_migrations(self) -> None:
        from plugin_host.loading.migrations import check_migrations

        failed = frozenset(self._failed)
        check_migrations(
            [config for config in self._configs if config.candidate.name not in failed],
            on_plugin=lambda config: self._at(config.candidate, "migrations"),
            on_failure=lambda config, error: self._fail(config.candidate, error, "migrations"),
        )

    def _build(self) -> list[tuple[str, str]]:
        from plugin_host.loading.loader import build_all

        def failed(candidate: Candidate, failure: LoadFailure) -> None:
            self._has_failed = True
            self._say(kind="failure", name=candidate.name, failure=failure_to_json(failure))

        loaded = LoadedPlugins()
        build_all(loaded, self._configs, on_stage=self._at, on_failure=failed)
        for config in self._configs:
            plugin = loaded.plugins.get(config.plugin_id)
            if plugin is not None:
                self._describe(config, plugin)
        names = {config.plugin_id: config.candidate.name for config in self._configs}
        return [(names[plugin_id], plugin_id) for plugin_id in loaded.plugins]

    def _describe(self, config: PluginAppConfig, plugin: LoadedPlugin) -> None:
        """Make the plugin's part of the OpenAPI document: one that cannot be made would take all of it down."""
        from drf_spectacular.drainage import GENERATOR_STATS
        from drf_spectacular.generators import SchemaGenerator

        from plugin_host.routes import plugin_patterns

        self._at(config.candidate, "openapi")
        try:
            with GENERATOR_STATS.silence():
                SchemaGenerator(patterns=plugin_patterns(plugin)).get_schema(public=True)  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001 - load isolation: one plugin's failure is its own
            self._fail(config.candidate, error, "openapi")

    def _owner_of(self, thing: Any) -> PluginAppConfig | None:
        # A model, a field of one, what administers one: each may be a plugin's where the others are the host's.
        model = getattr(thing, "model", None) or thing
        label = getattr(getattr(model, "_meta", None), "app_label", None)
        modules = [getattr(one, "__module__", None) or "" for one in (thing, model)]
        for config in self._configs:
            if label == config.label or thing is config:
                return config
            if any(is_module_of(module, config) for module in modules):
                return config
        return None

    def _named_in(self, text: str) -> PluginAppConfig | None:
        """Return the last plugin whose models a message names: what is there before it had the name first."""
        for config in reversed(self._configs):
            if re.search(rf"\b{config.label}\.", text):
                return config
        return None

    def _blame(self, error: Exception, stage: str) -> bool:
        """Note a failure with the plugin whose code it came through; say whether there was one."""
        for file in files_of(error):
            for candidate in self._candidates:
                if is_inside(file, candidate.path):
                    if stage == "setup" and Path(file).name == "admin.py":
                        stage = "admin"
                    self._fail(candidate, error, stage)
                    return True
        return False

    def _fail(self, candidate: Candidate, error: BaseException, stage: str) -> None:
        self._has_failed = True
        self._failed.add(candidate.name)
        known = [config.plugin_id for config in self._configs if config.candidate is candidate]
        name = known[0] if known else candidate.name
        failure = failure_of(
            error,
            name=name,
            stage=stage,
            module=candidate.module,
            path=candidate.path,
            source=candidate.source,
        )
        self._say(kind="failure", name=candidate.name, failure=failure_to_json(failure))

    def _at(self, candidate: Candidate | None, stage: str) -> None:
        self._say(kind="at", name=candidate.name if candidate is not None else "", stage=stage)

    def _say(self, **entry: Any) -> None:
        # Handed to the operating system at once: the next step may be the last one.
        self._answer.write(json.dumps(entry) + "\n")
        self._answer.flush()


def main(request: str, answer: str) -> int:
    """Try the candidates that the file `request` lists and write what comes of it to the file `answer`."""
    candidates = [candidate_from_json(entry) for entry in json.loads(Path(request).read_text())]
    with Path(answer).open("a") as file:
        probe = Probe(candidates, file)
        installed.configure_probe = probe.configure
        return 0 if probe.run() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
