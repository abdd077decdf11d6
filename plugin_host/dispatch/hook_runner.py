"""The hook runner of this process."""

from __future__ import annotations

from typing import Final

from django.db import DEFAULT_DB_ALIAS, connections

from plugin_host.runner import Handler, HookRunner

# Each thread may hold a database connection; two worker processes and a web server stay well below PostgreSQL's 100.
THREADS: Final = 16


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


hook_runner: Final = HookRunner(
    threads=THREADS,
    before_call=refuse_in_transaction,
    after_run=tidy_connections,
    after_abandoned=connections.close_all,
)
