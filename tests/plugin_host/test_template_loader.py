"""While a plugin's code runs, its own templates come before all others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from django.template import TemplateDoesNotExist, engines
from django.template.loader import render_to_string

from plugin_host.base import Plugin
from plugin_host.registry import LoadedPlugins, PluginRegistry, use_plugins
from plugin_host.runtime_state import PluginRun, plugin_run


class One(Plugin):
    name = "one-plugin"
    version = "1.0.0"


class Two(Plugin):
    name = "two-plugin"
    version = "1.0.0"


@pytest.fixture(autouse=True)
def plugins(tmp_path: Path) -> Iterator[None]:
    """Two plugins with a template of the same name, the second with a base template of its own."""
    with use_plugins(LoadedPlugins()) as loaded:
        for cls, text in ((One, "one: {% block content %}{% endblock %}"), (Two, "two")):
            PluginRegistry().register(cls)
            folder = tmp_path / cls.name
            (folder / "templates").mkdir(parents=True)
            (folder / "templates" / "thing.html").write_text(text)
            loaded.plugins[cls.name] = replace(loaded.plugins[cls.name], path=folder)
        (tmp_path / "two-plugin" / "templates" / "child.html").write_text('{% extends "thing.html" %}')
        yield
    for loader in engines["django"].engine.template_loaders:  # type: ignore[attr-defined]  # Django's own engine
        loader.reset()


def rendered(plugin_id: str, name: str = "thing.html") -> str:
    with plugin_run(PluginRun(plugin_id=plugin_id, tenant_id=uuid4())):
        return render_to_string(name)


def test_each_plugin_gets_its_own_template_again_and_again() -> None:
    assert [rendered(one) for one in ("one-plugin", "two-plugin", "one-plugin")] == ["one: ", "two", "one: "]


def test_what_a_template_extends_is_the_plugins_own_as_well() -> None:
    assert rendered("two-plugin", "child.html") == "two"


def test_outside_of_plugins_nobody_sees_their_templates() -> None:
    rendered("one-plugin")

    with pytest.raises(TemplateDoesNotExist):
        render_to_string("thing.html")


def test_a_plugin_sees_the_hosts_templates_behind_its_own() -> None:
    assert rendered("one-plugin", "errors/unknown_host.html") == render_to_string("errors/unknown_host.html")
