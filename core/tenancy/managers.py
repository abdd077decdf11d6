"""The manager of every tenant-owned model."""

from __future__ import annotations

from typing import TypeVar

from django.db import models

from core.errors import NoScope
from core.scope import current_scope

ModelT = TypeVar("ModelT", bound=models.Model, covariant=True)


class TenantQuerySet(models.QuerySet[ModelT]):
    """A queryset that refuses to run without a scope instead of answering with nothing.

    Building one is allowed anywhere (forms and views do it at import); every way to run one asks for `db` first.
    """

    @property
    def db(self) -> str:
        if current_scope() is None:
            raise NoScope(
                f"{self.model._meta.label} belongs to tenants: run this inside core.scope.tenant_scope(tenant_id)."
            )
        return super().db


TenantManager = models.Manager.from_queryset(TenantQuerySet)
