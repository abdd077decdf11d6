"""The entry page for plugin authors (docs/plugins/README.md) names what there is, and nothing that is not there."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from dataclasses import fields
from types import ModuleType

import pytest

from plugin_host.base import Plugin
from plugin_host.context import PluginContext
from plugin_host.sdk_names import public_names
from tests.servers import PROJECT

PAGE = (PROJECT / "docs/plugins/README.md").read_text()


def section(title: str) -> str:
    return re.split(rf"^#+ {title}$", PAGE, flags=re.MULTILINE)[1].partition("\n#")[0]


def first_column(title: str) -> list[str]:
    rows = re.findall(r"^\| (`[^|]+) \|", section(title), re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_every_public_module_is_named() -> None:
    named = first_column("What is where")

    # `plugin_host.hooks.*` stands for the modules of values.
    public = {name for name in public_names() if not name.startswith("plugin_host.hooks.")}
    assert public <= set(named) <= public | {"plugin_host.hooks.*", "plugin_host.testing"}


@pytest.mark.parametrize("title", ["Coming from another system", "What is where"])
def test_modules_and_names_exist(title: str) -> None:
    named = re.findall(r"`((?:plugin_host|core)(?:\.\w+)+)`", section(title))

    assert [name for name in named if not _exists(name)] == []


def test_methods_of_the_context_are_as_described() -> None:
    calls = [name for name in first_column("PluginContext") if "(" in name]

    assert {call.removeprefix("ctx.").partition("(")[0] for call in calls} == {
        name for name, value in vars(PluginContext).items() if inspect.isfunction(value) and name[0] != "_"
    } - {"close"}
    for call in calls:
        name, _, arguments = call.removeprefix("ctx.").removesuffix(")").partition("(")
        assert re.findall(r"\*|\w+(?:=[^,]+)?", arguments) == _arguments(getattr(PluginContext, name)), call


def test_members_of_plugin_exist() -> None:
    optional = {"register", "initialize", "shutdown", "check_config"}
    named = {name.partition("(")[0] for name in first_column("Plugin")}

    assert named - optional == {name for name in vars(Plugin) if not name.startswith("_")}
    assert named >= optional


def test_values_have_the_described_fields() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section("Values"), re.MULTILINE)
    values = {
        name: getattr(importlib.import_module(module), name)
        for module, names in public_names().items()
        for name in names
        if hasattr(getattr(importlib.import_module(module), name), "__dataclass_fields__")
    }

    assert {name: re.findall(r"`(\w+)`", row) for name, row in rows} == {
        name: [field.name for field in fields(value)]
        for name, value in values.items()
        if name not in ("FieldError", "Retries", "SiteFile")
    }


def _exists(name: str) -> bool:
    module, _, attribute = name.rpartition(".")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        holder: ModuleType = importlib.import_module(module)
        return hasattr(holder, attribute)
    return True


def _arguments(function: Callable[..., object]) -> list[str]:
    found: list[str] = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in found:
            found.append("*")
        default = "" if parameter.default is inspect.Parameter.empty else f"={parameter.default!r}"
        found.append(f"{parameter.name}{default}".replace("'", '"'))
    return found
