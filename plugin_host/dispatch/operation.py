"""What all inline hooks of one operation share: its time, and what their context says of the tenant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from core.actors import Actor
from core.scope import require_tenant
from core.services.commands import CommandCall
from plugin_host.context import HookContext
from plugin_host.dispatch.binding import tenant_slug_and_plan
from plugin_host.runner import InlineBudget


@dataclass(frozen=True, slots=True)
class Operation:
    """One use case, from its first inline hook to its last."""

    budget: InlineBudget
    slug: str
    plan: str

    def context(self, actor: Actor, **metadata: Any) -> HookContext:
        """Return the context of one hook.

        Args:
            metadata: What it says besides who acts.
        """
        scope = require_tenant()
        assert scope.tenant_id is not None  # require_tenant refuses otherwise
        return HookContext(
            tenant_id=scope.tenant_id,
            tenant_slug=self.slug,
            tenant_plan=self.plan,
            correlation_id=scope.correlation_id,
            causation_id=scope.causation_id,
            metadata={"actor": actor.reference, **metadata},
        )


class Occasion:
    """Ties inline hooks together where they belong to no use case of the content services."""


_operations: WeakKeyDictionary[CommandCall | Occasion, Operation] = WeakKeyDictionary()


def operation_of(occasion: CommandCall | Occasion | None) -> Operation:
    """Return the operation that a use case is, or a new one; asks the database once for each."""
    if occasion is not None and (known := _operations.get(occasion)) is not None:
        return known
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # require_tenant refuses otherwise
    slug, plan = tenant_slug_and_plan(tenant_id)
    made = Operation(InlineBudget(), slug, plan)
    if occasion is not None:
        _operations[occasion] = made
    return made
