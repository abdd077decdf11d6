"""Finding plugins: entry points of installed packages, and folders in PLUGINS_DIR. Nothing is imported here."""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final, Literal

from plugin_host.errors import LoadProblem
from plugin_host.identifiers import is_plugin_id

GROUP: Final = "tenantry.plugins"

Source = Literal["entry point", "folder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something that says it is a plugin.

    Args:
        name: Of the folder or entry point; an entry point's is the plugin's id.
        module: Package to import, under its own name.
        attribute: The class that an entry point names.
        path: The package's folder, where it was found.
        problem: Why it is not even imported.
    """

    name: str
    module: str
    attribute: str = ""
    source: Source
    path: Path | None = None
    problem: LoadProblem | None = None


def find_candidates(plugins_dir: Path | None) -> list[Candidate]:
    """Return all candidates: the folders by name, then the entry points by name."""
    return [
        *(_folder_candidates(plugins_dir) if plugins_dir is not None else ()),
        *_entry_point_candidates(entry_points(group=GROUP), plugins_dir),
    ]


def put_on_path(plugins_dir: Path) -> None:
    """Make the folders in PLUGINS_DIR importable, behind everything that is installed."""
    path = str(plugins_dir)
    if plugins_dir.is_dir() and path not in sys.path:
        sys.path.append(path)


def _folder_candidates(plugins_dir: Path) -> Iterable[Candidate]:
    if not plugins_dir.is_dir():
        return
    for folder in sorted(plugins_dir.iterdir(), key=lambda entry: entry.name):
        if not folder.is_dir() or folder.name.startswith((".", "_")):
            continue
        if (folder / "__init__.py").is_file() or any(folder.glob("*.py")):
            yield _checked_folder(folder, plugins_dir)


def _checked_folder(folder: Path, plugins_dir: Path) -> Candidate:
    candidate = Candidate(name=folder.name, module=folder.name, source="folder", path=folder)
    if not folder.name.isidentifier():
        better = "".join(letter if letter.isalnum() else "_" for letter in folder.name)
        return _out(
            candidate, f"The folder {folder.name!r} cannot be imported: rename it, for example to {better!r}."
        )
    if not (folder / "__init__.py").is_file():
        return _out(candidate, f"The folder {folder.name!r} has no __init__.py, so it is no package.")
    if (other := _installed_under(folder.name, plugins_dir)) is not None:
        return _out(
            candidate,
            f"The folder {folder.name!r} has the name of a module that is installed already ({other}): "
            "rename the folder, or uninstall the other.",
        )
    return candidate


def _installed_under(name: str, plugins_dir: Path) -> str | None:
    """Return where a module of that name is found without PLUGINS_DIR, or None."""
    if name in sys.builtin_module_names or name in sys.stdlib_module_names:
        return "a part of Python"
    elsewhere = [entry for entry in sys.path if Path(entry or ".").resolve() != plugins_dir.resolve()]
    spec = _find_spec(name, elsewhere)
    if spec is None or (spec.origin is None and not _real_folders(spec)):
        return None
    return spec.origin or ", ".join(_real_folders(spec))


def _real_folders(spec: ModuleSpec) -> list[str]:
    """The folders of a package without `__init__.py` that hold code; others are namespaces by accident."""
    return [folder for folder in spec.submodule_search_locations or () if any(Path(folder).glob("*.py"))]


def _entry_point_candidates(found: Iterable[EntryPoint], plugins_dir: Path | None) -> Iterable[Candidate]:
    seen: set[tuple[str, str]] = set()
    for point in sorted(found, key=lambda entry: entry.name):
        if (point.name, point.value) in seen:
            continue  # a distribution that stands on the path twice
        seen.add((point.name, point.value))
        yield _checked_entry_point(point, plugins_dir)


def _checked_entry_point(point: EntryPoint, plugins_dir: Path | None) -> Candidate:
    module, _, attribute = point.value.partition(":")
    module, attribute = module.strip(), attribute.partition("[")[0].strip()
    candidate = Candidate(name=point.name, module=module, attribute=attribute, source="entry point")
    if not is_plugin_id(point.name):
        return _out(
            candidate,
            f"The entry point {point.name!r} cannot be a plugin's id: take 2 to 63 lower case letters, digits "
            "and dashes, a letter first.",
        )
    try:
        package, path = _package_of(module)
    except ImportError as error:
        return _out(
            candidate, f"The entry point {point.name!r} names {module!r}, which is not there: {error}"
        )
    if path is None:
        return _out(
            candidate,
            f"The entry point {point.name!r} names {module!r}, a single file: a plugin is a package, because it is "
            "a Django app. Make it a folder with an __init__.py.",
        )
    return replace(candidate, module=package, path=path)


def _package_of(module: str) -> tuple[str, Path | None]:
    """Return the package that a dotted name stands for or lies in, and its folder, without importing it.

    Raises:
        ImportError: There is no such module.
    """
    package, folder = "", None
    search: list[str] | None = None
    name = ""
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        spec = _find_spec(name, search)
        if spec is None:
            raise ImportError(f"no module named {name!r}")
        if spec.submodule_search_locations is None:
            break
        search = list(spec.submodule_search_locations)
        if spec.origin is not None:
            package, folder = name, Path(spec.origin).parent
    return package, folder


def _find_spec(name: str, path: list[str] | None) -> ModuleSpec | None:
    if path is not None:
        return importlib.machinery.PathFinder.find_spec(name, path)
    for finder in sys.meta_path:
        # Editable installs bring finders of their own.
        find = getattr(finder, "find_spec", None)
        if find is not None and (spec := find(name, None)) is not None:
            found: ModuleSpec = spec
            return found
    return None


def _out(candidate: Candidate, message: str) -> Candidate:
    return replace(candidate, problem=LoadProblem(stage="discovery", subject=candidate.name, message=message))
