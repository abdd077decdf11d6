"""The account of API units: what a request may cost is set aside before it is sent, and put right afterwards.

So a process that ends in between has counted too much and never too little.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from plugin_host.errors import PluginError

from .client import BASE_UNITS, Cost, Unanswered, Unreadable


class BudgetSpent(PluginError):
    """The next request could cost more than is left; nothing was sent."""


@dataclass(slots=True)
class Charge:
    """What one request was estimated at, and what it has cost once that is known."""

    estimate: int
    units: int | None = None

    def settle(self, cost: Cost) -> None:
        """Say what the answer says that it has cost; what it does not say stays estimated."""
        if cost.units is not None:
            self.units = cost.units


class Budget:
    """A tenant's units in one billing period.

    Args:
        most: What the tenant wants to spend.
        left: What Ahrefs says is left of the key's own; None for no limit. Asked for before anything was spent here.
    """

    def __init__(self, *, ends_on: date, most: int, left: int | None) -> None:
        self.ends_on = ends_on
        self.most = most
        self._left = left
        self._spent_now = 0

    async def spent(self) -> int:
        """Return what was spent in the period, as far as it is known or feared."""
        return int(await sync_to_async(_spent)(self.ends_on))

    async def affordable_rows(self, rows: int, *, per_row: int) -> int:
        """Return how many of these rows one request can ask for.

        Raises:
            BudgetSpent: for none.
        """
        left = await self._available()
        possible = min(rows, left // per_row)
        if left < BASE_UNITS or possible < 1:
            raise BudgetSpent(await self._refusal(max(BASE_UNITS, per_row)), code="ahrefs_budget")
        return possible

    @asynccontextmanager
    async def charge(self, *, rows: int, per_row: int) -> AsyncIterator[Charge]:
        """Set aside what a request may cost while it is made; nothing stays set aside where it was refused.

        Raises:
            BudgetSpent: It could cost more than is left.
        """
        charge = Charge(estimate=max(BASE_UNITS, rows * per_row))
        if not await self._set_aside(charge.estimate):
            raise BudgetSpent(await self._refusal(charge.estimate), code="ahrefs_budget")
        try:
            yield charge
        except PluginError as error:
            if isinstance(error, Unanswered | Unreadable):
                # Ahrefs may have counted it: it stays set aside.
                self._spent_now += charge.estimate
                raise
            await sync_to_async(_add)(self.ends_on, (charge.units or 0) - charge.estimate)
            self._spent_now += charge.units or 0
            raise
        units = charge.estimate if charge.units is None else charge.units
        self._spent_now += units
        await sync_to_async(_add)(self.ends_on, units - charge.estimate)

    async def _available(self) -> int:
        own = self.most - await self.spent()
        return own if self._left is None else min(own, self._left - self._spent_now)

    async def _set_aside(self, units: int) -> bool:
        if self._left is not None and units > self._left - self._spent_now:
            return False
        return bool(await sync_to_async(_reserve)(self.ends_on, units, self.most))

    async def _refusal(self, needed: int) -> str:
        spent = await self.spent()
        if needed > self.most - spent:
            return (
                f"{spent:,} of {self.most:,} API units are spent, and the next request may cost {needed:,}. "
                f"It goes on after {self.ends_on.isoformat()}, or with a higher budget."
            )
        left = max(0, (self._left or 0) - self._spent_now)
        return (
            f"The key has {left:,} API units left at Ahrefs, and the next request may cost {needed:,}. "
            f"It goes on after {self.ends_on.isoformat()}."
        )


def _spent(ends_on: date) -> int:
    from .models import UnitPeriod  # models can be imported only when Django's apps are ready

    found = UnitPeriod.objects.filter(ends_on=ends_on).values_list("spent", flat=True).first()
    return found or 0


def _reserve(ends_on: date, units: int, most: int) -> bool:
    """Add units unless that goes over the budget; two runs at once cannot go over it together."""
    from .models import UnitPeriod  # as above

    with transaction.atomic():
        UnitPeriod.objects.bulk_create([UnitPeriod(ends_on=ends_on)], ignore_conflicts=True)
        changed = UnitPeriod.objects.filter(ends_on=ends_on, spent__lte=most - units).update(
            spent=F("spent") + units
        )
    return bool(changed)


def _add(ends_on: date, units: int) -> Any:
    from .models import UnitPeriod  # as above

    return UnitPeriod.objects.filter(ends_on=ends_on).update(spent=Greatest(F("spent") + units, 0))
