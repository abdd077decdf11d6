"""System checks that refuse models which would slip out of their tenant."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.core import checks
from django.db import models
from django.test.utils import isolate_apps

from core.models import Record
from core.tenancy.checks import check_tenant_models
from core.tenancy.constraints import TenantForeignKey, TenantPolicy
from core.tenancy.models import TenantOwned, TenantRelation


def _is_automatic(through: Any) -> bool:
    return bool(through._meta.auto_created)


class _App:
    """An app that holds the given models, as the check asks for them."""

    def __init__(self, *held: type[models.Model]) -> None:
        self.held = held

    def get_models(self, **options: Any) -> list[type[models.Model]]:
        through: list[Any] = [
            field.remote_field.through
            for model in self.held
            for field in model._meta.local_many_to_many
            if _is_automatic(field.remote_field.through)
        ]
        return [*self.held, *through]


def found(*held: type[models.Model]) -> list[str]:
    return [str(message.id) for message in check_tenant_models([_App(*held)])]  # type: ignore[list-item]  # a stand-in


def test_the_projects_own_models_pass() -> None:
    assert check_tenant_models(list(apps.get_app_configs())) == []


def test_the_check_is_registered() -> None:
    registered: list[Any] = list(checks.registry.registry.get_checks())
    assert check_tenant_models in registered


@isolate_apps("core")
def test_automatic_many_to_many_table_is_refused() -> None:
    class Basket(TenantOwned):
        records = models.ManyToManyField(Record, related_name="+")

        class Meta:
            app_label = "core"

    assert found(Basket) == ["core.E001", "core.E004"]


@isolate_apps("core")
def test_multi_table_inheritance_is_refused() -> None:
    class Base(TenantOwned):
        class Meta:
            app_label = "core"

    class Special(Base):
        class Meta:
            app_label = "core"

    assert "core.E002" in found(Special)


@isolate_apps("core")
def test_plain_foreign_key_between_tenant_tables_is_refused() -> None:
    class Note(TenantOwned):
        record = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "core"

    assert found(Note) == ["core.E003"]


@isolate_apps("core")
def test_tenant_relation_and_link_to_the_user_pass() -> None:
    class Note(TenantOwned):
        record = TenantRelation(Record, on_delete=models.CASCADE, related_name="+")
        user = models.ForeignKey("tenants.User", on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "core"

    assert found(Note) == []


@isolate_apps("core")
def test_table_without_tenant_has_to_be_listed() -> None:
    class Loose(models.Model):
        class Meta:
            app_label = "core"

    assert found(Loose) == ["core.E004"]


@isolate_apps("core")
@pytest.mark.parametrize("own_meta", [True, False])
def test_constraints_come_whatever_meta_says(own_meta: bool) -> None:
    class Note(TenantOwned):
        record = TenantRelation(Record, on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "core"
            constraints = [models.UniqueConstraint(fields=["record"], name="note_key")] if own_meta else []

    kinds = [type(constraint).__name__ for constraint in Note._meta.constraints]
    assert kinds == ["UniqueConstraint"] * own_meta + ["TenantPolicy", "UniqueConstraint", "TenantForeignKey"]
    policy = next(item for item in Note._meta.constraints if isinstance(item, TenantPolicy))
    key = next(item for item in Note._meta.constraints if isinstance(item, TenantForeignKey))
    assert policy.name == "core_note_tenant_policy"
    assert key.field == "record"
