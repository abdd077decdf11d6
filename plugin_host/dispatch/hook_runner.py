"""The hook runner of this process."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

from core.scope import current_scope
from plugin_host.breaker.conduct import Conduct, PluginOutcome, conduct_of_run, kind_of_hook
from plugin_host.breaker.notes import OutcomeNotes
from plugin_host.hookspec import HookKind
from plugin_host.runner import Handler, HookOutcome, HookRun, HookRunner
from plugin_host.services.breaker import note_outcomes

# Each thread may hold a database connection; two worker processes and a web server stay well below PostgreSQL's 100.
THREADS: Final = 16
# Read once: asking Django's settings takes as long as the rest of noting that a run went well.
_SLOW_SHARE: Final = settings.BREAKER_SLOW_SHARE


def refuse_in_transaction(handler: Handler) -> None:
    """Refuse to run a hook while a transaction is open: it may take seconds, and locks would be held that long.

    Raises:
        RuntimeError: A caller opened one; a programming error.
    """
    if connections[DEFAULT_DB_ALIAS].in_atomic_block:
        raise RuntimeError(
            f"Hook {handler.hook} of plugin {handler.plugin_id} would run inside a database transaction: "
            "call content services outside of transaction.atomic()."
        )


def tidy_connections() -> None:
    """Leave the thread's connections as the next hook may use them; one with an open transaction is closed."""
    for used in connections.all(initialized_only=True):
        if used.in_atomic_block or used.needs_rollback or not used.get_autocommit():
            used.close()
        else:
            used.close_if_unusable_or_obsolete()


def note_run(run: HookRun) -> None:
    """Tell the breaker how an inline hook went; whoever makes deliveries, tasks and checks tells of those."""
    scope = current_scope()
    if scope is None or scope.tenant_id is None:
        return
    handler = run.handler
    # Nearly every run, so it comes first: all went well, and that it does is known.
    if (
        run.outcome is HookOutcome.DONE
        and run.duration_ms <= handler.time_limit_seconds * _SLOW_SHARE * 1000
        and (scope.tenant_id.int, handler.plugin_id) in inline_notes.good
    ):
        return
    if kind_of_hook(handler.hook) in (HookKind.ACTION, HookKind.EXECUTE):
        return
    conduct = conduct_of_run(run, slow_share=_SLOW_SHARE)
    if conduct is Conduct.UNKNOWN:
        return
    inline_notes.add(
        PluginOutcome(
            tenant_id=scope.tenant_id,
            plugin_id=run.plugin_id,
            what=run.hook,
            conduct=conduct,
            error=run.error,
            started_at=run.started_at,
        )
    )


inline_notes: Final = OutcomeNotes(note_outcomes)
hook_runner: Final = HookRunner(
    threads=THREADS,
    sink=note_run,
    before_call=refuse_in_transaction,
    after_run=tidy_connections,
    after_abandoned=connections.close_all,
)
