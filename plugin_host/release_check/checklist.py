"""The points of the checklist, in the guide's five areas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.release_check import source
from plugin_host.release_check.contract import contract_problems
from plugin_host.release_check.project import PluginProject, project_of
from plugin_host.version import CORE_VERSION

CODE, ERRORS, TESTS, DOCS, VERSIONS = (
    "Code quality",
    "Error handling",
    "Testing",
    "Documentation",
    "Version requirements",
)
_NEXT_MAJOR: Final = f"{int(CORE_VERSION.split('.', maxsplit=1)[0]) + 1}.0.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of the list, and what is wrong there.

    Args:
        area: One of the five areas.
        title: What should be so.
        problems: Why it is not, each with its place and what to do; none where it is.
    """

    area: str
    title: str
    problems: Sequence[str] = ()

    @property
    def is_kept(self) -> bool:
        return not self.problems

    def document(self) -> dict[str, Any]:
        """Return it for machines."""
        return {**asdict(self), "problems": list(self.problems), "is_kept": self.is_kept}


def check_release(plugin: LoadedPlugin, *, with_tests: bool = True) -> list[Point]:
    """Return every point of the list for a plugin, in the order in which people read them.

    Args:
        with_tests: Also run the contract suite, which takes some seconds and needs `tenantry[embedded,test]`.
    """
    return [
        Point(area=area, title=title, problems=tuple(problems))
        for area, title, problems in _points(plugin, with_tests)
    ]


def _points(plugin: LoadedPlugin, with_tests: bool) -> Iterator[tuple[str, str, Sequence[str]]]:
    code, project = source.read(plugin), project_of(plugin)
    yield CODE, "It says that it is typed", _typed(plugin, project)
    yield CODE, "It uses public modules of Tenantry only", source.private_imports(code)
    yield CODE, "It writes to the log, not to the terminal", source.printing(code)
    yield CODE, "It calls services through plugin_host.http", source.other_clients(code)
    yield CODE, "It keeps nothing of a tenant in the module", source.module_state(code)
    yield ERRORS, "No exception is swallowed", source.swallowed_exceptions(code)
    yield ERRORS, "async def code does not block", source.blocking_calls(code)
    yield TESTS, "It has tests", project.test_problems()
    if with_tests:
        yield TESTS, "It keeps the contract of all plugins", contract_problems(plugin.id)
    yield DOCS, "It says who made it and what it is for", _said(plugin)
    yield DOCS, "It has a README", project.readme_problems()
    yield DOCS, "Each setting and secret says what it is", _settings(plugin)
    yield VERSIONS, "It names the versions of Tenantry that it runs on", _core(plugin, project)
    yield VERSIONS, "It names the versions of Python that it runs on", project.python_problems()
    yield VERSIONS, "Its version is that of a release, and the same everywhere", _version(plugin, project)


def _typed(plugin: LoadedPlugin, project: PluginProject) -> list[str]:
    # Nobody else imports a folder in `plugins/`.
    if plugin.path is None or not project.table or (plugin.path / "py.typed").is_file():
        return []
    return [
        f"{plugin.path.name}/py.typed is missing: add the empty file, so that checkers use its annotations."
    ]


def _said(plugin: LoadedPlugin) -> list[str]:
    return [
        f"{name} is empty: people see it on the Plugins page."
        for name in ("author", "description")
        if not getattr(plugin.metadata, name)
    ]


def _settings(plugin: LoadedPlugin) -> list[str]:
    schemas = {
        "CONFIG_SCHEMA": plugin.metadata.config_schema,
        "SECRETS_SCHEMA": plugin.metadata.secrets_schema,
    }
    return [
        f"{where}/properties/{key} has neither title nor description."
        for where, schema in schemas.items()
        for key, one in (schema or {}).get("properties", {}).items()
        if not (isinstance(one, dict) and (one.get("title") or one.get("description")))
    ]


def _core(plugin: LoadedPlugin, project: PluginProject) -> list[str]:
    named = [spec for spec in (plugin.metadata.requires_core, project.core_specifier) if spec]
    if not named:
        return [f'requires_core is missing: ">={CORE_VERSION},<{_NEXT_MAJOR}" for this version of Tenantry.']
    if all(spec.contains(_NEXT_MAJOR) for spec in named):
        return [f"Nothing keeps it off Tenantry {_NEXT_MAJOR}, which may break it: add <{_NEXT_MAJOR}."]
    return []


def _version(plugin: LoadedPlugin, project: PluginProject) -> list[str]:
    problems = []
    if plugin.metadata.parsed_version.is_devrelease or plugin.metadata.parsed_version.local:
        problems.append(
            f"Version {plugin.metadata.version} is one of development: name the one to be released."
        )
    if project.version and project.version != plugin.metadata.parsed_version:
        problems.append(f"pyproject.toml says {project.version}, the plugin {plugin.metadata.version}.")
    return problems
