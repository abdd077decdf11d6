"""From an exception in a plugin's code to the reason why it is out."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

from django.core.exceptions import AppRegistryNotReady

from plugin_host.errors import LoadProblem, PluginError, PluginLoadError
from plugin_host.registry import LoadFailure

BROKEN: Final = "broken"
NEEDS_INSTALL: Final = "needs_install"
_OWN_PACKAGES: Final = ("plugin_host", "core", "tenants", "cms_project")


def failure_of(
    error: BaseException,
    *,
    name: str,
    stage: str,
    module: str,
    path: Path | None,
    source: str = "",
    title: str = "",
    version: str = "",
) -> LoadFailure:
    """Return what an exception says about a plugin that was being loaded."""
    problems: tuple[LoadProblem, ...]
    status = BROKEN
    trace = "".join(traceback.format_exception(error))
    file, line = _place(error, path)
    if isinstance(error, PluginLoadError):
        problems, trace = error.problems, ""
    elif (missing := _missing_package(error, module)) is not None:
        status = NEEDS_INSTALL
        problems = (
            LoadProblem(
                stage=stage,
                subject=missing,
                message=f"It needs the Python package {missing!r}, which is not installed: pip install {missing}",
            ),
        )
    elif isinstance(error, PluginError):
        if stage == "init":
            # The guide's pattern: `__init__` says which package is missing and how to get it.
            status = NEEDS_INSTALL
        problems = (LoadProblem(stage=stage, message=error.message),)
    else:
        where = f" ({Path(file).name}, line {line})" if file and line else ""
        problems = (LoadProblem(stage=stage, message=f"{_summary(error)}{where}"),)
    return LoadFailure(
        name=name,
        status=status,
        problems=problems,
        traceback=trace,
        file=file,
        line=line,
        title=title,
        version=version,
        source=source,
        module=module,
    )


def is_inside(file: str, folder: Path | None) -> bool:
    """Say whether a file of a traceback lies in a plugin's folder."""
    return folder is not None and Path(file).is_relative_to(folder)


def files_of(error: BaseException) -> list[str]:
    """Return the files that an exception passed through, the innermost first, those of its causes after."""
    files: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if isinstance(current, SyntaxError) and current.filename:
            files.append(current.filename)
        files += [frame.filename for frame in reversed(traceback.extract_tb(current.__traceback__))]
        current = current.__cause__ or current.__context__
    return files


def _place(error: BaseException, path: Path | None) -> tuple[str, int | None]:
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if is_inside(frame.filename, path)]
    if own:
        return own[-1].filename, own[-1].lineno
    return "", None


def _missing_package(error: BaseException, module: str) -> str | None:
    """Return the top-level name of a package that is not installed, where that is the trouble."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return None
    top = error.name.partition(".")[0]
    return None if top in (module.partition(".")[0], *_OWN_PACKAGES) else top


def _summary(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, AttributeError | NameError | ImportError):
        # Python knows the nearest right name; it says so only where it prints the error.
        return traceback.format_exception_only(error)[0].strip()
    if isinstance(error, SyntaxError):
        text = error.msg
    if isinstance(error, AppRegistryNotReady):
        text += (
            " A plugin is imported before Django's models: import models, and what needs them, "
            "inside register() or inside the function that uses them."
        )
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
