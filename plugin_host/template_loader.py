"""Templates of plugins: while a plugin's code runs, its own folder comes before all others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.template import Engine, Origin, Template, TemplateDoesNotExist
from django.template.loaders import cached
from django.template.loaders.base import Loader as BaseLoader

from plugin_host.registry import loaded_plugins
from plugin_host.runtime_state import current_run


class PluginFolderLoader(BaseLoader):
    """Finds a template in the folder of the plugin that runs.

    It stands before Django's cached loader, which knows templates by their name alone; each plugin has a cache of its
    own here.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._of_plugins: dict[str, BaseLoader | None] = {}

    def get_template(self, template_name: str, skip: list[Origin] | None = None) -> Template:
        loader = self._of_running_plugin()
        if loader is None:
            raise TemplateDoesNotExist(template_name)
        return loader.get_template(template_name, skip)

    def get_template_sources(self, template_name: str) -> Iterator[Origin]:
        loader = self._of_running_plugin()
        if loader is not None:
            yield from loader.get_template_sources(template_name)

    def get_contents(self, origin: Any) -> str:
        contents: str = origin.loader.get_contents(origin)
        return contents

    def reset(self) -> None:
        """Forget what was read; the development server asks for it when a file changes."""
        self._of_plugins.clear()

    def _of_running_plugin(self) -> BaseLoader | None:
        run = current_run()
        if run is None:
            return None
        if run.plugin_id not in self._of_plugins:
            self._of_plugins[run.plugin_id] = self._made(run.plugin_id)
        return self._of_plugins[run.plugin_id]

    def _made(self, plugin_id: str) -> BaseLoader | None:
        plugin = loaded_plugins().plugins.get(plugin_id)
        if plugin is None or plugin.path is None:
            return None
        folder = plugin.path / "templates"
        if not folder.is_dir():
            return None
        return cached.Loader(self.engine, [("django.template.loaders.filesystem.Loader", [str(folder)])])
