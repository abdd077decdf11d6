"""Writing a new plugin: all of it, or nothing."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.template import Context, Engine

from core.errors import Conflict, Invalid
from plugin_host.scaffold.names import PluginNames

FEATURES: Final = ("routes", "models", "admin", "schedule", "health")
STYLES: Final = ("class", "function")

_PROJECT: Final = Path(__file__).parent / "project"
_SUFFIX: Final = "-tpl"
# A line that holds nothing but a tag leaves nothing behind.
_TAG_LINE: Final = re.compile(r"^[ \t]*(\{%[^\n]*?%\})[ \t]*\n", re.MULTILINE)
# Which files belong to a part that need not be there.
_NEEDS: Final = {
    "package/models.py": "models",
    "package/migrations/__init__.py": "models",
    "package/migrations/0001_initial.py": "models",
    "package/routes.py": "routes",
    "package/pages.py": "admin",
    "package/templates/page.html": "admin",
    "package/tasks.py": "schedule",
    "package/health.py": "health",
    "tests/test_models.py": "models",
    "tests/test_routes.py": "routes",
    "tests/test_page.py": "admin",
    "tests/test_tasks.py": "schedule",
    "tests/test_health.py": "health",
}
_OF_A_DISTRIBUTION: Final = frozenset({"pyproject.toml", "LICENSE", ".gitignore"})
_OF_A_FOLDER: Final = frozenset({"tests/__init__.py"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """A plugin that is to be written.

    Args:
        style: `class` or `function`.
        features: Some of `FEATURES`.
        in_tree: Whether it is a folder among the installation's plugins, not a distribution of its own.
    """

    names: PluginNames
    style: str = "class"
    features: frozenset[str] = frozenset()
    in_tree: bool = False

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise Invalid(f"There is no style {self.style!r}: {' or '.join(STYLES)}.")
        if unknown := sorted(self.features - set(FEATURES)):
            raise Invalid(f"There is no part {unknown[0]!r}. Known: {', '.join(FEATURES)}.")

    @property
    def folder(self) -> str:
        """Name of the folder that is made."""
        return self.names.package if self.in_tree else self.names.id


def write_plugin(blueprint: Blueprint, dest: Path) -> list[Path]:
    """Write a plugin into a new folder inside `dest` and return its files, relative to `dest`.

    Raises:
        Conflict: The folder is there already.
        Invalid: It cannot be written there.
    """
    target = dest / blueprint.folder
    if target.exists() or target.is_symlink():
        raise Conflict(f"{target} is there already: take another name, or another --dest.")
    try:
        # Made aside and moved in one step, so that a full disk leaves no half of a plugin.
        dest.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=dest, prefix=".new-plugin-") as aside:
            made = Path(aside) / blueprint.folder
            files = [_written(path, text, made) for path, text in rendered_files(blueprint)]
            made.chmod(0o755)
            shutil.move(made, target)
    except OSError as error:
        raise Invalid(f"{target} cannot be written: {error}.") from error
    return sorted(Path(blueprint.folder) / file for file in files)


def rendered_files(blueprint: Blueprint) -> Iterator[tuple[str, str]]:
    """Return the files of a plugin: path inside its folder, and text."""
    engine = Engine(autoescape=False)
    context = Context(_context(blueprint), autoescape=False)
    for source in sorted(_PROJECT.rglob(f"*{_SUFFIX}")):
        name = source.relative_to(_PROJECT).as_posix().removesuffix(_SUFFIX)
        if _is_wanted(name, blueprint):
            template = engine.from_string(_TAG_LINE.sub(r"\1", source.read_text()))
            yield _place(name, blueprint), template.render(context)


def _written(path: str, text: str, folder: Path) -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file.relative_to(folder)


def _is_wanted(name: str, blueprint: Blueprint) -> bool:
    if name in _OF_A_DISTRIBUTION:
        return not blueprint.in_tree
    if name in _OF_A_FOLDER:
        return blueprint.in_tree
    return name not in _NEEDS or _NEEDS[name] in blueprint.features


def _place(name: str, blueprint: Blueprint) -> str:
    inside = name.removeprefix("package/")
    if inside == name:
        return name
    return inside if blueprint.in_tree else f"src/{blueprint.names.package}/{inside}"


def _context(blueprint: Blueprint) -> dict[str, Any]:
    names = blueprint.names
    return {
        "id": names.id,
        "package": names.package,
        "base": names.base,
        "title": names.title,
        "distribution": names.distribution,
        "label": names.label,
        "class_style": blueprint.style == "class",
        "has": {feature: feature in blueprint.features for feature in FEATURES},
        "in_tree": blueprint.in_tree,
        "code": "" if blueprint.in_tree else f"src/{names.package}/",
        # Tests inside the package reach it as a linter of the whole installation wants it.
        "origin": ".." if blueprint.in_tree else f"{names.package}.",
        "content_key": names.constraint("content_key"),
        "policy": names.constraint("tenant_policy"),
        "id_key": names.constraint("tenant_id_key"),
    }
