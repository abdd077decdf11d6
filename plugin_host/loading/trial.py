"""Trying plugins in a subprocess until those that are left load together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from plugin_host.discovery import Candidate
from plugin_host.errors import LoadProblem
from plugin_host.loading.verdicts import (
    ApprovedPlugin,
    Verdict,
    candidate_to_json,
    failure_from_json,
)
from plugin_host.registry import LoadFailure

TIME_LIMIT_SECONDS: Final = 60.0
_HOST: Final = Path(__file__).resolve().parents[2]
_STDERR_LINES: Final = 30


@dataclass(slots=True)
class Report:
    """What one trial has said before it ended.

    Args:
        approved: (candidate's name, plugin's id) in load order; None where it did not come to its end.
        at: Whose turn it was last, and with what: (candidate's name, stage).
        ending: How the process ended, where that was wrong.
        was_cut_off: Whether it ran out of time, or something killed it.
    """

    approved: list[tuple[str, str]] | None = None
    failures: list[tuple[str, LoadFailure]] = field(default_factory=list)
    at: tuple[str, str] = ("", "")
    ending: str = ""
    was_cut_off: bool = False
    output: str = ""


def try_plugins(
    candidates: Sequence[Candidate], *, plugins_dir: Path, time_limit_seconds: float = TIME_LIMIT_SECONDS
) -> Verdict:
    """Return the verdict about these candidates: whatever fails is taken out, and the rest is tried again."""
    failures = [_undiscovered(candidate) for candidate in candidates if candidate.problem is not None]
    left = [candidate for candidate in candidates if candidate.problem is None]
    is_certain = True
    while left:
        report = run_trial(left, plugins_dir=plugins_dir, time_limit_seconds=time_limit_seconds)
        if report.approved is not None and not report.failures:
            by_name = {candidate.name: candidate for candidate in left}
            approved = tuple(
                ApprovedPlugin(id=plugin_id, candidate=by_name[name]) for name, plugin_id in report.approved
            )
            return Verdict(approved=approved, failures=tuple(failures), is_certain=is_certain)
        is_certain = is_certain and not report.was_cut_off
        found = report.failures or _named_by_marker(report, left)
        if not found:
            return _one_by_one(
                left, failures, report, plugins_dir=plugins_dir, time_limit_seconds=time_limit_seconds
            )
        failures += [failure for _, failure in found]
        out = {name for name, _ in found}
        left = [candidate for candidate in left if candidate.name not in out]
    return Verdict(failures=tuple(failures), is_certain=is_certain)


def run_trial(
    candidates: Sequence[Candidate], *, plugins_dir: Path, time_limit_seconds: float = TIME_LIMIT_SECONDS
) -> Report:
    """Set up all candidates together in a process of their own and return what it said."""
    with tempfile.TemporaryDirectory(prefix="tenantry-probe-") as folder:
        request, answer = Path(folder) / "request.json", Path(folder) / "answer.jsonl"
        request.write_text(json.dumps([candidate_to_json(candidate) for candidate in candidates]))
        answer.touch()
        ending, was_cut_off, output = _run(request, answer, plugins_dir, time_limit_seconds)
        report = _read_report(answer)
    if not ending and report.approved is None and not report.failures:
        ending = "it ended the process (exit code 0) before it was loaded: take sys.exit and os._exit out"
    report.ending, report.was_cut_off, report.output = ending, was_cut_off, output
    return report


def _run(request: Path, answer: Path, plugins_dir: Path, time_limit_seconds: float) -> tuple[str, bool, str]:
    environment = {**os.environ, "PLUGINS_DIR": str(plugins_dir)}
    # Tried as the application, whoever asks: a process that migrates gets the same verdict.
    environment.pop("TENANTRY_DB_ROLE", None)
    environment["PYTHONPATH"] = os.pathsep.join(entry for entry in (str(_HOST), *sys.path) if entry)
    environment.setdefault("DJANGO_SETTINGS_MODULE", "cms_project.settings")
    command = [sys.executable, "-m", "plugin_host.loading.probe", str(request), str(answer)]
    try:
        done = subprocess.run(
            command,
            cwd=_HOST,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=time_limit_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return f"it did not finish within {time_limit_seconds:g} seconds", True, _tail(error.output)
    output = _tail(done.stdout)
    if done.returncode < 0:
        return f"the process was killed (signal {-done.returncode})", True, output
    return (f"it ended the process (exit code {done.returncode})" if done.returncode else ""), False, output


def _tail(output: bytes | str | None) -> str:
    text = output.decode(errors="replace") if isinstance(output, bytes) else output or ""
    return "\n".join(text.splitlines()[-_STDERR_LINES:])


def _read_report(answer: Path) -> Report:
    report = Report()
    for line in answer.read_text().splitlines():
        try:
            entry: dict[str, Any] = json.loads(line)
        except ValueError:
            continue  # cut off when the process died
        match entry["kind"]:
            case "at":
                report.at = (entry["name"], entry["stage"])
            case "failure":
                report.failures.append((entry["name"], failure_from_json(entry["failure"])))
            case "done":
                report.approved = [(name, plugin_id) for name, plugin_id in entry["approved"]]
    return report


def _named_by_marker(report: Report, candidates: Sequence[Candidate]) -> list[tuple[str, LoadFailure]]:
    """Blame the plugin whose turn it was when the process died or hung."""
    name, stage = report.at
    return [
        (name, _died(candidate, stage, report)) for candidate in candidates if name and candidate.name == name
    ]


def _one_by_one(
    candidates: Sequence[Candidate],
    failures: list[LoadFailure],
    together: Report,
    *,
    plugins_dir: Path,
    time_limit_seconds: float,
) -> Verdict:
    """Find who makes a trial fail that names nobody: take one more each time, and leave out who breaks it."""
    if run_trial([], plugins_dir=plugins_dir, time_limit_seconds=time_limit_seconds).approved is None:
        # The host itself does not start, and it will say so itself.
        blamed = [_died(candidate, "setup", together) for candidate in candidates]
        return Verdict(failures=(*failures, *blamed), is_kept=False)
    good: list[Candidate] = []
    approved: list[tuple[str, str]] = []
    for candidate in candidates:
        report = run_trial([*good, candidate], plugins_dir=plugins_dir, time_limit_seconds=time_limit_seconds)
        if report.approved is not None and not report.failures:
            good.append(candidate)
            approved = report.approved
        else:
            named = [failure for name, failure in report.failures if name == candidate.name]
            failures += named or [_died(candidate, report.at[1] or "setup", report)]
    by_name = {candidate.name: candidate for candidate in good}
    return Verdict(
        approved=tuple(ApprovedPlugin(id=plugin_id, candidate=by_name[name]) for name, plugin_id in approved),
        failures=tuple(failures),
        is_certain=False,
    )


def _undiscovered(candidate: Candidate) -> LoadFailure:
    assert candidate.problem is not None  # asked before
    return LoadFailure(
        name=candidate.name,
        status="broken",
        problems=(candidate.problem,),
        source=candidate.source,
        module=candidate.module,
    )


def _died(candidate: Candidate, stage: str, report: Report) -> LoadFailure:
    last = report.output.rstrip().rpartition("\n")[2]
    ending = report.ending or f"the trial failed: {last}"
    return LoadFailure(
        name=candidate.name,
        status="broken",
        problems=(LoadProblem(stage=stage, message=f"While it was loaded, {ending}."),),
        traceback=report.output,
        source=candidate.source,
        module=candidate.module,
    )
