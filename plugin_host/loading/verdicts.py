"""Which plugins may be loaded. A subprocess tries them; what it found is kept by the hash of their code.

A normal start therefore reads files and imports nothing twice. The verdict is found again by everything that it
depends on: the plugins' code, the installed packages, the host's own code, Python.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from plugin_host.discovery import Candidate, find_candidates
from plugin_host.errors import LoadProblem
from plugin_host.registry import LoadFailure
from plugin_host.version import CORE_VERSION

_FORMAT: Final = 1
_KEPT_FILES: Final = 20
# How long a verdict is believed that need not be the same next time; `manage.py plugin check` asks again at once.
_UNCERTAIN_SECONDS: Final = 3600
_HOST: Final = Path(__file__).resolve().parents[2]
_HOST_PACKAGES: Final = ("core", "tenants", "plugin_host", "cms_project")
_logger = logging.getLogger("tenantry.plugins")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedPlugin:
    """A plugin that may be loaded."""

    id: str
    candidate: Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What may be loaded, in which order, and what may not.

    Args:
        is_kept: Whether it says something about the plugins, and not about a host that does not start.
        is_certain: Whether it will be the same next time; a trial that ran out of time may have had a busy machine.
    """

    approved: tuple[ApprovedPlugin, ...] = ()
    failures: tuple[LoadFailure, ...] = ()
    is_kept: bool = True
    is_certain: bool = True


def verdict_for(*, plugins_dir: Path, var_dir: Path, fresh: bool = False) -> Verdict:
    """Return the verdict about everything that is installed; from the kept one where nothing has changed.

    Args:
        fresh: Try the plugins even so.
    """
    candidates = find_candidates(plugins_dir)
    if not candidates:
        return Verdict()
    key = _key(candidates)
    folder = _cache_folder(var_dir)
    if not fresh and folder is not None and (known := _read(folder / f"{key}.json")) is not None:
        return known
    with _one_at_a_time(folder):
        # Web server, worker and beat start together: the first one tries, the others read.
        if not fresh and folder is not None and (known := _read(folder / f"{key}.json")) is not None:
            return known
        # Imported here: a start that knows its verdict needs no subprocess.
        from plugin_host.loading.trial import try_plugins

        verdict = try_plugins(candidates, plugins_dir=plugins_dir)
        if folder is not None and verdict.is_kept:
            _write(folder, key, verdict)
    return verdict


def _key(candidates: Sequence[Candidate]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    facts: list[Any] = [_FORMAT, CORE_VERSION, sys.version, sorted(set(_installed_packages()))]
    for package in _HOST_PACKAGES:
        facts.append(sorted(_stamps(_HOST / package)))
    for candidate in candidates:
        facts.append([candidate.name, candidate.module, candidate.attribute, candidate.source])
        facts.append(str(candidate.path))
        if candidate.path is not None:
            facts.append(sorted(_contents(candidate.path)))
    digest.update(json.dumps(facts).encode())
    return digest.hexdigest()


def _installed_packages() -> Iterator[str]:
    for entry in sys.path:
        with contextlib.suppress(OSError), os.scandir(entry or ".") as found:
            yield from (one.name for one in found if one.name.endswith((".dist-info", ".egg-info")))


def _stamps(folder: Path) -> Iterator[tuple[str, int, int]]:
    for path in _code_files(folder):
        status = os.stat(path)  # noqa: PTH116 - three times as fast as Path.stat, for hundreds of files
        yield path, status.st_size, status.st_mtime_ns


def _contents(folder: Path) -> Iterator[tuple[str, str]]:
    for path in _code_files(folder):
        yield path, hashlib.blake2b(Path(path).read_bytes(), digest_size=16).hexdigest()


def _code_files(folder: Path | str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                # Tests are code too, but none that loading depends on.
                if entry.name not in ("__pycache__", "tests", "node_modules", "static", ".git"):
                    yield from _code_files(entry.path)
            elif entry.name.endswith((".py", ".so", ".pyd")) or entry.name == "page.html":
                yield entry.path


# -- where verdicts are kept ---------------------------------------------------------------------------------------


def _cache_folder(var_dir: Path) -> Path | None:
    """Return a folder to keep verdicts in: in VAR_DIR, else a private one among the temporary ones, else None."""
    private = Path(tempfile.gettempdir()) / f"tenantry-{os.getuid()}"
    if _is_writable(var_dir / "plugins"):
        return var_dir / "plugins"
    if _is_writable(private) and _is_ours_alone(private):
        return private
    _logger.warning("Neither %s nor %s can be written: plugins are tried at every start.", var_dir, private)
    return None


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _is_ours_alone(folder: Path) -> bool:
    # A verdict decides which code is imported, and everybody may make folders where temporary files are kept.
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022


@contextmanager
def _one_at_a_time(folder: Path | None) -> Iterator[None]:
    if folder is None:
        yield
        return
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> Verdict | None:
    try:
        stored = json.loads(path.read_text())
        if not stored["certain"] and time.time() - path.stat().st_mtime > _UNCERTAIN_SECONDS:
            return None
        return Verdict(
            approved=tuple(
                ApprovedPlugin(id=entry["id"], candidate=candidate_from_json(entry["candidate"]))
                for entry in stored["approved"]
            ),
            failures=tuple(failure_from_json(entry) for entry in stored["failures"]),
            is_certain=stored["certain"],
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _logger.warning("The verdict in %s cannot be read, so the plugins are tried again: %s", path, error)
        return None


def _write(folder: Path, key: str, verdict: Verdict) -> None:
    document = {
        "certain": verdict.is_certain,
        "approved": [
            {"id": plugin.id, "candidate": candidate_to_json(plugin.candidate)} for plugin in verdict.approved
        ],
        "failures": [failure_to_json(failure) for failure in verdict.failures],
    }
    new = folder / f"{key}.{os.getpid()}"
    new.write_text(json.dumps(document, indent=1))
    new.replace(folder / f"{key}.json")
    by_age = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in by_age[_KEPT_FILES:]:
        old.unlink(missing_ok=True)


# -- JSON ----------------------------------------------------------------------------------------------------------


def candidate_to_json(candidate: Candidate) -> dict[str, Any]:
    return {
        **asdict(candidate),
        "path": str(candidate.path) if candidate.path is not None else None,
    }


def candidate_from_json(stored: Mapping[str, Any]) -> Candidate:
    problem = stored["problem"]
    return Candidate(
        name=stored["name"],
        module=stored["module"],
        attribute=stored["attribute"],
        source=stored["source"],
        path=Path(stored["path"]) if stored["path"] is not None else None,
        problem=LoadProblem(**problem) if problem is not None else None,
    )


def failure_to_json(failure: LoadFailure) -> dict[str, Any]:
    return asdict(failure)


def failure_from_json(stored: Mapping[str, Any]) -> LoadFailure:
    return LoadFailure(**{**stored, "problems": _problems(stored["problems"])})


def _problems(stored: Iterable[Mapping[str, Any]]) -> tuple[LoadProblem, ...]:
    return tuple(LoadProblem(**problem) for problem in stored)
