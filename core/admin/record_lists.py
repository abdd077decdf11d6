"""Narrowing the list of records, and who may do what to one of them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from core.actors import is_allowed
from core.models import Collection, Record
from core.models.record import RecordState
from core.scope import current_actor


class CollectionFilter(admin.SimpleListFilter):
    title = "collection"
    parameter_name = "collection"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(Collection.objects.order_by("title").values_list("name", "title"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Record]) -> QuerySet[Record]:
        return queryset.filter(collection__name=self.value()) if self.value() else queryset


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(state.value), str(state.label)) for state in RecordState if state != RecordState.TRASHED]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Record]) -> QuerySet[Record]:
        return queryset.filter(state=self.value()) if self.value() else queryset


def may_on_record(action: str, record: Record) -> bool:
    """Say whether the actor in scope may do this to this record."""
    owner = str(record.author_id) if record.author_id else None
    return is_allowed(current_actor(), action, collection=record.collection.name, owner_id=owner)
