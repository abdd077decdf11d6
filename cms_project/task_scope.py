"""Celery tasks run in the tenant's scope in which they were sent.

The scope travels in a header. Platform scope does not: whoever looks beyond a tenant says so where it happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from celery import signals

from core.actors import Actor
from core.errors import NoScope
from core.logging import get_logger
from core.scope import Scope, current_scope, enter_scope

logger = get_logger(__name__)

HEADER: Final = "tenantry_scope"
_OUTER: Final = "tenantry_outer_scope"


def scope_header(scope: Scope | None) -> dict[str, Any] | None:
    """Return a tenant's scope as JSON; None for any other."""
    if scope is None or scope.kind != "tenant":
        return None
    actor = scope.actor
    return {
        "tenant_id": str(scope.tenant_id),
        "tenant_slug": scope.tenant_slug,
        "correlation_id": str(scope.correlation_id),
        "causation_id": str(scope.causation_id) if scope.causation_id else None,
        "depth": scope.depth,
        "actor": {
            "kind": actor.kind,
            "id": actor.id,
            "label": actor.label,
            "role": actor.role,
            "scopes": sorted(actor.scopes) if actor.scopes is not None else None,
            "user_id": actor.user_id,
        },
    }


def scope_of_header(header: Mapping[str, Any]) -> Scope:
    """Return the scope that a header carries.

    Raises:
        NoScope: The header is not one of `scope_header`.
    """
    try:
        actor = header["actor"]
        return Scope(
            kind="tenant",
            tenant_id=UUID(header["tenant_id"]),
            tenant_slug=str(header["tenant_slug"]),
            actor=Actor(
                kind=actor["kind"],
                id=actor["id"],
                label=actor["label"],
                role=actor["role"],
                scopes=frozenset(actor["scopes"]) if actor["scopes"] is not None else None,
                user_id=actor["user_id"],
            ),
            correlation_id=UUID(header["correlation_id"]),
            causation_id=UUID(header["causation_id"]) if header["causation_id"] else None,
            depth=int(header["depth"]),
            work=None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NoScope(f"The task's scope header cannot be read ({error!r}).") from error


def carry_scope() -> None:
    """Have this process send and enter scopes; called once, where the Celery application is made."""
    signals.before_task_publish.connect(_send, weak=False, dispatch_uid="send scope")
    signals.task_prerun.connect(_enter, weak=False, dispatch_uid="enter scope")
    signals.task_postrun.connect(_leave, weak=False, dispatch_uid="leave scope")


def _send(headers: dict[str, Any] | None = None, **kwargs: Any) -> None:
    if headers is not None and (carried := scope_header(current_scope())) is not None:
        headers[HEADER] = carried


def _enter(task: Any, **kwargs: Any) -> None:
    request = task.request
    if request.is_eager:
        return  # it runs in its caller's scope
    setattr(request, _OUTER, current_scope())
    header = request.get(HEADER)
    try:
        enter_scope(scope_of_header(header) if header else None)
    except NoScope as error:
        # It then sees no tenant's rows and fails by itself.
        enter_scope(None)
        logger.error("Task %s %s: %s", task.name, request.id, error)


def _leave(task: Any, **kwargs: Any) -> None:
    if not task.request.is_eager:
        enter_scope(getattr(task.request, _OUTER, None))
