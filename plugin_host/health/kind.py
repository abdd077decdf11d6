"""Health checks as work by the clock: the kind "check" of `plugin_host.scheduling`."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from core.logging import get_logger
from plugin_host.breaker.conduct import Conduct
from plugin_host.health.definitions import (
    CHECK,
    EXECUTE_HOOK,
    REGISTER_HOOK,
    at_target,
    checks_of,
    has_checks,
    targets_of,
)
from plugin_host.health.documents import definition_document, definition_from
from plugin_host.health.execution import CheckRun, check_arguments
from plugin_host.health.findings import Finding, finding_of
from plugin_host.health.recording import forget_verdicts, record_finding
from plugin_host.hooks.health_monitor import HealthStatus
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.models.delivery import AttemptOutcome
from plugin_host.models.health import HealthReason, HealthTrouble
from plugin_host.models.schedule import RunOutcome, RunReason
from plugin_host.runner import HookOutcome, HookRun
from plugin_host.scheduling.claiming import ClaimedRun
from plugin_host.scheduling.finishing import RunResult
from plugin_host.scheduling.kinds import Collected, ItemDefinition
from plugin_host.scheduling.running import (
    PreparedRun,
    conduct_of,
    error_text,
    failed,
    not_started,
    schedule_runner,
)
from plugin_host.state import tenant_plugins
from tenants.selectors.domains import domain_hosts

logger = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckResult(RunResult):
    """How one attempt at a check ended.

    Args:
        check_run: What was run.
        finding: What it found.
    """

    check_run: CheckRun
    finding: Finding


class CheckKind:
    """Health checks; implements `plugin_host.scheduling.kinds.ItemKind`."""

    name = CHECK
    collect_hook = REGISTER_HOOK

    def belongs_to(self, plugin: LoadedPlugin) -> bool:
        """Say whether the plugin has checks."""
        return has_checks(plugin)

    def read(self, collected: Collected) -> list[ItemDefinition]:
        """Return one item for each check and target; the verdicts of all others are dropped.

        Raises:
            PluginError: with every fault of the list.
        """
        hosts = domain_hosts()
        items = [
            ItemDefinition(
                item_id=check.check_id,
                target=target,
                name=check.name,
                document=definition_document(at_target(check, target)),
                interval_seconds=check.interval_seconds,
                runs_at_once=True,
            )
            for check in checks_of(collected.plugin, collected.returned)
            for target in targets_of(check, hosts)
        ]
        forget_verdicts(collected.plugin.id, keep={(item.item_id, item.target) for item in items})
        return items

    async def execute(self, run: ClaimedRun, prepared: PreparedRun) -> RunResult:
        """Run the check once."""
        handlers = prepared.handlers_of(EXECUTE_HOOK)
        if not handlers:
            why = f"Plugin {run.plugin} has no {EXECUTE_HOOK} any more."
            return failed(run, why, max_retries=0, final_reason="no_handler")
        check_run = _readable(run)
        if check_run is None:
            why = f"The stored definition of {run.item_id} cannot be read."
            return failed(run, why, max_retries=0, final_reason="definition")
        called = await schedule_runner.arun(
            handlers[0],
            check_arguments(prepared.plugin, handlers[0], prepared.context, check_run),
            time_limit_seconds=check_run.check.timeout_seconds,
            bind=prepared.bind,
        )
        with prepared.bind(handlers[0]):
            finding = finding_of(called, target=check_run.check.target)
        if finding is None:
            return not_started(run, called.run)
        wait = _sooner_than_planned(check_run, finding)
        return CheckResult(
            run=run,
            attempt_outcome=_attempt_outcome(called.run, finding),
            outcome=_run_outcome(finding) if wait is None else None,
            wait_seconds=wait or 0.0,
            error=_error(called.run, finding),
            data={"status": finding.status.value, "message": finding.message},
            log=called.run.lines,
            conduct=_conduct(called.run, finding),
            check_run=check_run,
            finding=finding,
        )

    def record(self, run: ClaimedRun, result: RunResult) -> None:
        """Store what the check found; a run that could not be made or was broken off for good counts as broken."""
        if isinstance(result, CheckResult):
            check_run, finding = result.check_run, result.finding
        elif result.outcome is RunOutcome.DEAD and (readable := _readable(run)) is not None:
            check_run = readable
            finding = Finding(
                status=HealthStatus.UNHEALTHY,
                trouble=HealthTrouble.BROKEN,
                message=result.error.partition("\n")[0],
                duration_ms=0.0,
            )
        else:
            return
        entry = tenant_plugins(run.tenant_id).get(run.plugin)
        # Switched off while it ran: what it found is of no interest any more.
        if entry is not None and entry.is_on:
            record_finding(check_run, finding)


def _readable(run: ClaimedRun) -> CheckRun | None:
    """Return the run of a check; None where its stored definition cannot be read."""
    try:
        check = definition_from(run.definition)
    except (TypeError, ValueError) as error:
        logger.warning("The stored definition of %s cannot be read: %s", run.item_id, error)
        return None
    return CheckRun(
        plugin_id=run.plugin,
        check=check,
        execution_id=run.token,
        scheduled_for=run.slot,
        started_at=timezone.now(),
        reason=HealthReason.MANUAL if run.reason == RunReason.MANUAL else HealthReason.SCHEDULE,
        attempt=run.attempt,
    )


def _sooner_than_planned(run: CheckRun, finding: Finding) -> float | None:
    """Return after how many seconds to look again where the other side asks for less than the time to the next run."""
    asked = finding.retry_after_seconds
    if asked is None:
        return None
    passed = (timezone.now() - run.scheduled_for).total_seconds()
    return asked if passed + asked < run.check.interval_seconds else None


def _attempt_outcome(run: HookRun, finding: Finding) -> AttemptOutcome:
    if run.outcome is HookOutcome.TIMED_OUT:
        return AttemptOutcome.TIMED_OUT
    if finding.trouble is not None:
        return AttemptOutcome.FAILED
    return AttemptOutcome.DONE_WITH_ERRORS if run.errors_logged else AttemptOutcome.DONE


def _run_outcome(finding: Finding) -> RunOutcome:
    """Return how the run ended: a check that came to a verdict has done its work, whatever the verdict."""
    return RunOutcome.DONE if finding.trouble is None else RunOutcome.DONE_WITH_ERRORS


def _error(run: HookRun, finding: Finding) -> str:
    if run.error:
        return error_text(run)
    return finding.message if finding.trouble is not None else ""


def _conduct(run: HookRun, finding: Finding) -> Conduct:
    """Return what the run says of the plugin itself: that the other side is in trouble is what checks are there to say.

    Only a check that hangs or talks rubbish is the plugin's own fault.
    """
    if finding.trouble is None or run.outcome is HookOutcome.TIMED_OUT:
        return conduct_of(run)
    return Conduct.UNKNOWN if run.error else Conduct.FAILED
