"""The names of a new plugin, all made from its id."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count, islice
from pathlib import Path
from typing import Final

from django.db.backends.utils import truncate_name

from core.errors import Invalid
from core.tenancy.names import MAX_NAME_LENGTH, constraint_name
from plugin_host.discovery import find_candidates
from plugin_host.identifiers import app_label, is_plugin_id
from plugin_host.loading.loader import RESERVED_LABELS

# Folders of every project, which would be imported instead of the package or the other way round.
_TAKEN_BY_PROJECTS: Final = frozenset({"src", "tests", "plugin"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginNames:
    """What a new plugin is called in each place.

    Args:
        id: Its id, the folder and the entry point.
        package: What is imported.
        base: What its classes begin with; the plugin's own class in class style.
        title: What people read.
        distribution: What is installed.
        label: Of its Django app.
    """

    id: str
    package: str
    base: str
    title: str
    distribution: str
    label: str

    def constraint(self, suffix: str) -> str:
        """Return the name that a constraint of the plugin's table has."""
        return constraint_name(truncate_name(f"{self.label}_announcement", MAX_NAME_LENGTH), suffix)


def checked_names(name: str, *, plugins_dir: Path | None) -> PluginNames:
    """Return the names of a new plugin.

    Args:
        name: What its author wrote.
        plugins_dir: Its folders are plugins, whose names are taken.

    Raises:
        Invalid: with the nearest name that can be used.
    """
    if (problem := _problem(name, plugins_dir)) is not None:
        better = _nearest_valid(name, plugins_dir)
        raise Invalid(f"{problem} Try {better!r}.", code="plugin_name")
    words = [word for word in name.split("-") if word]
    camel = "".join(word[0].upper() + word[1:] for word in words)
    return PluginNames(
        id=name,
        package=_package(name),
        base=camel if camel.endswith("Plugin") else f"{camel}Plugin",
        title=" ".join(word[0].upper() + word[1:] for word in words),
        distribution=f"tenantry-{name}",
        label=app_label(name),
    )


def _problem(name: str, plugins_dir: Path | None) -> str | None:
    if not is_plugin_id(name) or name.endswith("-"):
        return (
            f"{name!r} cannot be a plugin's id: take 2 to 63 lower case letters, digits and dashes, a letter first "
            "and no dash last."
        )
    package = _package(name)
    for candidate in find_candidates(plugins_dir):
        if name == candidate.name or package == candidate.module:
            return f"{name!r} is taken by the plugin in {candidate.path or candidate.module}."
    if app_label(name) in RESERVED_LABELS or package in _TAKEN_BY_PROJECTS:
        return f"{name!r} is a name that Tenantry or every project needs for itself."
    if keyword.iskeyword(package):
        return f"{name!r} cannot be imported, because {package!r} is a word of Python's own."
    if package in sys.stdlib_module_names or find_spec(package) is not None:
        return f"{name!r} cannot be imported, because there is a module {package!r} already."
    return None


def _nearest_valid(name: str, plugins_dir: Path | None) -> str:
    """Return the name that is most like a given one and can be used."""
    # MyPlugin -> my-plugin, before what is upper case is lowered.
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name)
    text = re.sub(r"[^a-z0-9]+", "-", text.lower())
    text = re.sub(r"^[0-9-]+", "", text)[:MAX_NAME_LENGTH].strip("-")
    own = [text, f"my-{text}"[:MAX_NAME_LENGTH].strip("-"), f"{text}-plugin"] if text else []
    numbered = (f"my-plugin-{number}" for number in count(2))
    return next(
        one for one in (*own, "my-plugin", *islice(numbered, 1000)) if _problem(one, plugins_dir) is None
    )


def _package(name: str) -> str:
    return name.replace("-", "_")
