"""The base of every model whose rows belong to a tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.db.models.base import ModelBase
from django.db.models.options import Options

from core.ids import uuid7
from core.scope import current_tenant_id
from core.tenancy.constraints import TenantForeignKey, TenantPolicy
from core.tenancy.managers import TenantManager
from core.tenancy.names import constraint_name


class TenantRelation(models.ForeignKey[Any, Any]):
    """A foreign key between two tenant-owned tables; the database refuses one that leaves the tenant.

    The reference itself is the composite `TenantForeignKey` constraint, which the model gets by itself.
    """

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        super().__init__(to, on_delete, **kwargs)


class _TenantOwnedBase(ModelBase):
    if TYPE_CHECKING:
        _meta: Options[Any]
        tenant_privileges: str

    def _prepare(cls) -> None:
        cls._add_tenant_constraints()
        super()._prepare()  # type: ignore[misc]  # the stubs leave ModelBase's own methods out

    def _add_tenant_constraints(cls) -> None:
        meta = cls._meta
        if meta.abstract or meta.proxy or not meta.managed:
            return
        table = meta.db_table
        own: list[models.BaseConstraint] = [
            TenantPolicy(name=constraint_name(table, "tenant_policy"), privileges=cls.tenant_privileges),
            models.UniqueConstraint(fields=["tenant", "id"], name=constraint_name(table, "tenant_id_key")),
            *(
                TenantForeignKey(name=constraint_name(table, f"{field.column}_tenant_fk"), field=field.name)
                for field in meta.local_fields
                if isinstance(field, TenantRelation)
            ),
        ]
        meta.constraints = [*meta.constraints, *own]
        # The migration autodetector reads constraints only where the class's Meta names them.
        meta.original_attrs["constraints"] = meta.constraints


class TenantOwned(models.Model, metaclass=_TenantOwnedBase):
    """A row of one tenant: UUIDv7 key, tenant column, row-level security, tenant-safe foreign keys.

    The tenant is filled in from the scope. Everything else is an ordinary Django model.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        "tenants.Tenant",
        on_delete=models.CASCADE,
        default=current_tenant_id,
        editable=False,
        related_name="+",
        # UNIQUE (tenant_id, id) leads with it already.
        db_index=False,
    )

    # What the tenant role may do with its rows; an append-only table takes UPDATE and DELETE away.
    tenant_privileges: ClassVar[str] = "SELECT, INSERT, UPDATE, DELETE"

    objects: ClassVar[models.Manager[Any]] = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
