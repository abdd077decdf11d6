"""The account of API units by itself: what is set aside, what stays so, and two runs at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date

import pytest
from asgiref.sync import async_to_sync

from ahrefs_integration.budget import Budget, BudgetSpent
from ahrefs_integration.client import Cost, Unanswered, Unreadable
from plugin_host.errors import PluginError
from plugin_host.testing.host import plugin_scope
from tenants.models import Tenant

ENDS = date(2099, 1, 1)


@pytest.fixture
def inside(tenant: Tenant) -> Iterator[None]:
    with plugin_scope("ahrefs-integration", tenant):
        yield


def budget(most: int = 1000, left: int | None = None) -> Budget:
    return Budget(ends_on=ENDS, most=most, left=left)


@async_to_sync
async def spend(
    account: Budget, rows: int, *, units: int | None = None, error: BaseException | None = None
) -> int:
    """Make a request of rows of ten units, and return what is spent afterwards."""
    try:
        async with account.charge(rows=rows, per_row=10) as charge:
            if error is not None:
                raise error
            charge.settle(Cost(units=units, per_row=10))
    except (PluginError, asyncio.CancelledError):
        pass
    return await account.spent()


def test_the_answer_puts_the_estimate_right(inside: None) -> None:
    account = budget()

    assert spend(account, 20, units=120) == 120
    assert spend(account, 1, units=0) == 120  # served from Ahrefs' cache
    assert spend(account, 1) == 170  # nothing is said, so the least that a request costs


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (PluginError("Ahrefs answered 500."), 0),
        (Unanswered("Ahrefs did not answer."), 200),
        (Unreadable("Ahrefs answered rubbish."), 200),
        (asyncio.CancelledError(), 200),
    ],
    ids=["refused", "unanswered", "unreadable", "process-ends"],
)
def test_what_may_have_been_spent_stays_set_aside(inside: None, error: BaseException, kept: int) -> None:
    assert spend(budget(), 20, error=error) == kept


@pytest.mark.parametrize(("most", "left"), [(199, None), (1000, 199)], ids=["budget", "key"])
def test_what_could_go_over_is_not_begun(inside: None, most: int, left: int | None) -> None:
    account = budget(most, left)

    with pytest.raises(BudgetSpent, match="It goes on after 2099-01-01"):
        async_to_sync(account.charge(rows=20, per_row=10).__aenter__)()

    assert async_to_sync(account.spent)() == 0
    assert async_to_sync(account.affordable_rows)(20, per_row=10) == 19


def test_what_this_run_has_spent_counts_against_the_keys_own_units(inside: None) -> None:
    account = budget(most=10_000, left=250)
    spend(account, 20, units=200)

    assert async_to_sync(account.affordable_rows)(100, per_row=10) == 5
    spend(account, 5, units=50)
    with pytest.raises(BudgetSpent, match="The key has 0 API units left"):
        async_to_sync(account.affordable_rows)(100, per_row=10)


def test_two_runs_at_once_do_not_go_over_it_together(inside: None) -> None:
    async def both() -> None:
        first, second = budget(300), budget(300)
        async with first.charge(rows=20, per_row=10), second.charge(rows=10, per_row=10):
            with pytest.raises(BudgetSpent):
                await second.charge(rows=10, per_row=10).__aenter__()

    async_to_sync(both)()

    assert async_to_sync(budget(300).spent)() == 300


def test_each_tenant_has_an_account_of_its_own(inside: None, other_tenant: Tenant) -> None:
    spend(budget(), 20, units=200)

    with plugin_scope("ahrefs-integration", other_tenant):
        assert async_to_sync(budget().spent)() == 0
