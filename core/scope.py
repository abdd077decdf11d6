"""The tenant that the running code works for.

One ContextVar says it: nothing, one tenant, or the platform. The database backend in `core.postgresql` keeps every
connection in step with it before each statement, so code never passes a tenant to a query.

    with tenant_scope(tenant.id, slug=tenant.slug, actor=actor):
        Record.objects.count()        # this tenant's records, whatever the query says

A thread started by hand has no scope and therefore sees nothing; `asyncio.to_thread` and `asgiref` carry it along.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from core.actors import ANONYMOUS, Actor
from core.errors import NoScope
from core.ids import uuid7
from core.platform_work import PlatformWork

_audit = logging.getLogger("tenantry.platform_scope")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What the running code works for, on whose behalf, and what caused it.

    Args:
        kind: `tenant` narrows every statement to `tenant_id`; `platform` sees all tenants.
        correlation_id: Ties together everything that one request or task sets off.
        causation_id: The event that caused the running code; None for a person's own action.
        depth: How many events lie between the running code and a person; loops are cut by it.
        work: Why the platform scope was entered.
    """

    kind: Literal["tenant", "platform"]
    tenant_id: UUID | None
    tenant_slug: str
    actor: Actor
    correlation_id: UUID
    causation_id: UUID | None
    depth: int
    work: PlatformWork | None

    def one_deeper(self, actor: Actor) -> Scope:
        """Return the scope in which `actor` reacts to this one; `replace` takes three times as long."""
        return Scope(
            kind=self.kind,
            tenant_id=self.tenant_id,
            tenant_slug=self.tenant_slug,
            actor=actor,
            correlation_id=self.correlation_id,
            causation_id=self.causation_id,
            depth=self.depth + 1,
            work=self.work,
        )


_scope: ContextVar[Scope | None] = ContextVar("tenantry_scope", default=None)

current_scope = _scope.get


def require_tenant() -> Scope:
    """Return the tenant scope.

    Raises:
        NoScope: where there is none, or where the platform is in scope.
    """
    scope = _scope.get()
    if scope is None or scope.tenant_id is None:
        raise NoScope("This needs a tenant: run it inside core.scope.tenant_scope(tenant_id).")
    return scope


def current_tenant_id() -> UUID | None:
    """Return the tenant in scope, or None; the default of every tenant column."""
    scope = _scope.get()
    return scope.tenant_id if scope is not None else None


def current_actor() -> Actor:
    """Return the actor in scope; anonymous where there is none."""
    scope = _scope.get()
    return scope.actor if scope is not None else ANONYMOUS


@contextmanager
def tenant_scope(
    tenant_id: UUID,
    *,
    slug: str = "",
    actor: Actor = ANONYMOUS,
    correlation_id: UUID | None = None,
    causation_id: UUID | None = None,
    depth: int = 0,
) -> Iterator[Scope]:
    """Work for one tenant inside the block.

    Raises:
        NoScope: where `tenant_id` is not a UUID; an empty tenant is an error, never "all".
    """
    if not isinstance(tenant_id, UUID):
        raise NoScope(f"A tenant id must be a UUID, not {tenant_id!r}.")
    scope = Scope(
        kind="tenant",
        tenant_id=tenant_id,
        tenant_slug=slug,
        actor=actor,
        correlation_id=correlation_id or uuid7(),
        causation_id=causation_id,
        depth=depth,
        work=None,
    )
    with use_scope(scope):
        yield scope


@contextmanager
def platform_scope(work: PlatformWork, *, actor: Actor = ANONYMOUS) -> Iterator[Scope]:
    """Work for the whole installation inside the block; the reason and the actor are logged."""
    outer = _scope.get()
    scope = Scope(
        kind="platform",
        tenant_id=None,
        tenant_slug="",
        actor=actor if actor is not ANONYMOUS or outer is None else outer.actor,
        correlation_id=outer.correlation_id if outer is not None else uuid7(),
        causation_id=None,
        depth=0,
        work=PlatformWork(work),
    )
    _audit.debug("platform scope entered: %s by %s", scope.work, scope.actor.reference)
    with use_scope(scope):
        yield scope


def use_scope(scope: Scope | None) -> AbstractContextManager[None]:
    """Put a scope that was taken elsewhere in force inside the block; None takes it away."""
    return _ScopeBlock(scope)


class _ScopeBlock(AbstractContextManager[None]):
    """A class, because every hook is run inside one, and a generator takes four times as long."""

    __slots__ = ("_scope", "_token")

    def __init__(self, scope: Scope | None) -> None:
        self._scope = scope

    def __enter__(self) -> None:
        self._token = _scope.set(self._scope)

    def __exit__(self, *exception: object) -> None:
        _scope.reset(self._token)


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Keep the tenant, change the actor inside the block."""
    scope = _scope.get()
    with use_scope(replace(scope, actor=actor) if scope is not None else None):
        yield


def enter_scope(scope: Scope | None) -> None:
    """Put `scope` in force with no way back, for frames that end with their own context (see `core.middleware`)."""
    _scope.set(scope)
