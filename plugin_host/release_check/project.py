"""What stands round a plugin's package: pyproject.toml, README, tests."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.plugin_project import plugins_of_project

_DISTRIBUTION: Final = "tenantry"
_OLDEST_PYTHON: Final = "3.12"
_LEVELS_UP: Final = 3
# A README that says what a plugin does, how it is set up and what can go wrong is longer.
_LEAST_README: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginProject:
    """A plugin's package and, where it is a project of its own, the project's folder.

    Args:
        folders: Where README and tests may be.
        table: `[project]` of its pyproject.toml; empty for a folder in `plugins/`.
    """

    package: Path | None
    folders: tuple[Path, ...] = ()
    table: dict[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> Version | None:
        try:
            return Version(self.table["version"]) if "version" in self.table else None
        except InvalidVersion:
            return None

    @property
    def core_specifier(self) -> SpecifierSet:
        """What its dependencies say about Tenantry."""
        for text in self.table.get("dependencies", []):
            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                continue  # whoever builds it says so
            if requirement.name.lower() == _DISTRIBUTION:
                return requirement.specifier
        return SpecifierSet()

    def readme_problems(self) -> list[str]:
        """Return what is wrong with its README."""
        if self.package is None:
            return []
        found = [path for folder in self.folders for path in folder.glob("README*") if path.is_file()]
        if not found:
            return [
                "README.md is missing: what it does, how it is set up, what it sends where, what can go wrong."
            ]
        if all(len(path.read_text(errors="replace").strip()) < _LEAST_README for path in found):
            return [
                f"{found[0].name} hardly says anything: what it does, how it is set up, what can go wrong."
            ]
        return []

    def test_problems(self) -> list[str]:
        """Return what is wrong with its tests."""
        if self.package is None:
            return []
        # Those of a bundled plugin stand among the installation's.
        places = [folder / "tests" for folder in self.folders]
        places.append(self.package.parent.parent / "tests" / "plugins" / self.package.name)
        if any(place.is_dir() and next(place.rglob("test_*.py"), None) for place in places):
            return []
        return [f"No tests/test_*.py beside {self.package.name}: `manage.py plugin new` shows how they look."]

    def python_problems(self) -> list[str]:
        """Return what is wrong with `requires-python`; a folder in `plugins/` runs where the installation does."""
        if not self.table:
            return []
        try:
            wanted = SpecifierSet(self.table.get("requires-python", ""))
        except InvalidSpecifier as error:
            return [f"requires-python cannot be read: {error}."]
        older = [f"3.{minor}" for minor in range(8, int(_OLDEST_PYTHON.split(".")[1]))]
        if not wanted or any(wanted.contains(f"{version}.99") for version in older):
            return [f'pyproject.toml: requires-python = ">={_OLDEST_PYTHON}", as Tenantry itself.']
        return []


def project_of(plugin: LoadedPlugin) -> PluginProject:
    """Return the project of a plugin: the nearest folder above its package whose pyproject.toml names it."""
    if plugin.path is None:
        return PluginProject(package=None)
    for folder in plugin.path.parents[:_LEVELS_UP]:
        if plugin.id in plugins_of_project(folder):
            table = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
            if table.get("name") != _DISTRIBUTION:
                return PluginProject(package=plugin.path, folders=(plugin.path, folder), table=table)
    return PluginProject(package=plugin.path, folders=(plugin.path,))
