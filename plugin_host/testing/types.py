"""The types of the fixtures, for annotations in tests; nothing here needs Django to be ready."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from django.test import Client

    from tenants.models import Tenant


class MakeTenant(Protocol):
    def __call__(self, slug: str | None = None, **fields: Any) -> Tenant: ...


class PluginEnabled(Protocol):
    def __call__(
        self,
        plugin_id: str,
        tenant: Tenant,
        *,
        config: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None: ...


class PluginScope(Protocol):
    def __call__(self, plugin_id: str, tenant: Tenant) -> AbstractContextManager[None]: ...


class MakeContent(Protocol):
    def __call__(
        self,
        content_id: UUID | str | None = None,
        *,
        tenant: Tenant | None = None,
        collection: str = "articles",
        title: str = "",
        published: bool = True,
        **data: Any,
    ) -> dict[str, Any]: ...


class ClientFor(Protocol):
    def __call__(self, tenant: Tenant, *, role: str | None = None) -> Client: ...


class RunHook(Protocol):
    def __call__(self, plugin_id: str, hook: str, *arguments: Any) -> Any: ...


class DeliverAll(Protocol):
    def __call__(self, tenant: Tenant, *, waiting: bool = False) -> list[DeliveryRun]: ...


class RunTask(Protocol):
    def __call__(self, task_id: str) -> TaskRun: ...


class RunDue(Protocol):
    def __call__(self, *, now: datetime | None = None, waiting: bool = False) -> list[TaskRun]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRun:
    """How one run of a delivery ended.

    Args:
        ended: `done`, `done_with_errors`, `skipped` or `dead`; empty where it is tried again.
        log: The lines that were written meanwhile.
    """

    id: UUID
    plugin: str
    hook: str
    event_type: str
    attempt: int
    ended: str
    error: str
    wait_seconds: float
    log: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """How one attempt at a scheduled item ended.

    Args:
        item_id: The task's, or the check's.
        ended: `done`, `done_with_errors`, `skipped` or `dead`; empty where it is tried again.
        reason: Why it was skipped or is dead.
        data: What the task gave back.
        log: The lines that were written meanwhile.
    """

    id: UUID
    kind: str
    item_id: str
    target: str
    execution_id: UUID
    scheduled_time: datetime
    attempt: int
    ended: str
    reason: str
    error: str
    data: Mapping[str, Any]
    wait_seconds: float
    log: tuple[str, ...]
