"""The daily task: what is due, batch by batch, as long as there are time and units; and what other plugins are told."""

from __future__ import annotations

import calendar
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import sync_to_async

from plugin_host import runtime
from plugin_host.base import Plugin
from plugin_host.errors import AuthFailed, NotReady, PluginError
from plugin_host.hooks.seo_metrics import SEOMetricsPayload

from .budget import Budget, BudgetSpent
from .client import BACKLINK_ROW_UNITS, KEYWORD_ROW_UNITS, Ahrefs, Cost, Limits, UnitsGone
from .config import AhrefsConfig, Feature

if TYPE_CHECKING:
    from .models import Fetch

SOURCE: Final = "ahrefs"
STATE_KEY: Final = "state"
# Subscriptions let so many rows into one answer; one of just that length may not be the last.
BATCH_ROWS: Final = 500
_CAPS: Final = (100, 250, 500)
_TOTALS_UNITS: Final = 12
MAX_FED_ROWS: Final = 2_000
_MAX_FED_BYTES: Final = 1_500_000


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a run came to.

    Args:
        rows: feature -> rows that were fetched.
        completed: Features of which everything is there now.
        budget: Why nothing more that costs units was asked for.
    """

    spent: int = 0
    most: int = 0
    resets_on: str = ""
    rows: dict[str, int] = field(default_factory=dict)
    completed: list[str] = field(default_factory=list)
    is_behind: bool = False
    budget: str = ""
    deleted: int = 0
    refused: str = ""

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "rows": self.rows,
            "completed": self.completed,
            "left": self.is_behind,
            "units": {"spent": self.spent, "most": self.most, "until": self.resets_on},
            "deleted": self.deleted,
            **({"budget": self.budget} if self.budget else {}),
            **({"refused": self.refused} if self.refused else {}),
        }


def utc_today() -> date:
    """Return the day that it is where Ahrefs counts."""
    return datetime.now(UTC).date()


async def sync(plugin: Plugin, ahrefs: Ahrefs, config: AhrefsConfig, *, seconds: float) -> Outcome:
    """Fetch what is due for as long as there are time and units.

    Args:
        seconds: After that no new batch is begun.

    Raises:
        NotReady: Ahrefs asks to wait; the batches before are stored.
        AuthFailed: It does not take the key.
        PluginError: It does not answer as it should.
    """
    outcome = Outcome(most=config.units_per_month)
    ends_at = time.monotonic() + seconds
    trouble: PluginError | None = None
    try:
        limits = await ahrefs.limits()
        budget = budget_of(config, limits, today=utc_today())
        outcome.resets_on = budget.ends_on.isoformat()
        try:
            await _Run(ahrefs, config, budget, outcome, lambda: time.monotonic() < ends_at).fetch_all()
        finally:
            outcome.spent = await budget.spent()
    except PluginError as error:
        trouble = error
    outcome.deleted = await _delete_old(config)
    await _feed(plugin, config, outcome)
    await _keep_state(config, outcome, trouble)
    if trouble is not None:
        raise trouble
    return outcome


def budget_of(config: AhrefsConfig, limits: Limits, *, today: date) -> Budget:
    """Return the account of the billing period; of the month where Ahrefs does not say when one ends."""
    ends_on = limits.resets_on
    if ends_on is None:
        ends_on = today.replace(day=calendar.monthrange(today.year, today.month)[1]) + timedelta(days=1)
    return Budget(ends_on=ends_on, most=config.units_per_month, left=limits.left)


class _Run:
    def __init__(
        self,
        ahrefs: Ahrefs,
        config: AhrefsConfig,
        budget: Budget,
        outcome: Outcome,
        has_time: Callable[[], bool],
    ) -> None:
        self._ahrefs = ahrefs
        self._config = config
        self._budget = budget
        self._outcome = outcome
        self._has_time = has_time
        self._batches = 0

    async def fetch_all(self) -> None:
        """Fetch each feature; one that fails does not keep the others from being fetched."""
        troubles: list[PluginError] = []
        ways = {
            Feature.KEYWORDS: self._fetch_keywords,
            Feature.BACKLINKS: self._fetch_backlinks,
            Feature.RANKINGS: self._fetch_rankings,
        }
        for feature in self._config.features:
            try:
                await self._fetch(feature, ways[feature])
            except (BudgetSpent, UnitsGone) as stop:
                self._outcome.budget = stop.message
            except (AuthFailed, NotReady):
                raise
            except PluginError as error:
                troubles.append(error)
        if troubles:
            # One that may pass by itself is worth another try, whatever the others are.
            raise min(troubles, key=lambda error: error.permanent)

    async def _fetch(self, feature: Feature, way: Callable[[Fetch], Any]) -> None:
        from .storage import complete, due_fetch  # models can be imported only when Django's apps are ready

        fetch = await sync_to_async(due_fetch)(self._config, feature, today=utc_today())
        if fetch is None:
            return
        if await way(fetch):
            await sync_to_async(complete)(fetch)
            self._outcome.completed.append(feature.value)
        else:
            self._outcome.is_behind = True

    async def _fetch_keywords(self, fetch: Fetch) -> bool:
        from .storage import store_keywords  # as above

        while (wanted := self._config.rows - fetch.rows) > 0:
            if not self._may_go_on():
                return False
            limit, per_row = await self._affordable(Feature.KEYWORDS, wanted, KEYWORD_ROW_UNITS)
            async with self._budget.charge(rows=limit, per_row=per_row) as charge:
                found, cost = await self._ahrefs.keywords(
                    self._config, day=fetch.day, limit=limit, after=fetch.after
                )
                charge.settle(cost)
            await self._learn(Feature.KEYWORDS, cost, KEYWORD_ROW_UNITS)
            after = [found[-1].traffic, found[-1].keyword] if found else None
            before = fetch.rows
            await sync_to_async(store_keywords)(fetch, found, after=after)
            self._count(Feature.KEYWORDS, len(found))
            if _is_last(len(found), limit) or fetch.rows == before:
                return True
        return True

    async def _fetch_backlinks(self, fetch: Fetch) -> bool:
        from .storage import store_backlinks, store_totals  # as above

        if fetch.links is None:
            if not self._may_go_on():
                return False
            async with self._budget.charge(rows=1, per_row=_TOTALS_UNITS) as charge:
                totals, cost = await self._ahrefs.backlink_totals(self._config, day=fetch.day)
                charge.settle(cost)
            await sync_to_async(store_totals)(fetch, totals)
        while (wanted := self._config.rows - fetch.rows) > 0:
            if not self._may_go_on():
                return False
            limit, per_row = await self._affordable(Feature.BACKLINKS, wanted, BACKLINK_ROW_UNITS)
            async with self._budget.charge(rows=limit, per_row=per_row) as charge:
                found, cost = await self._ahrefs.backlinks(self._config, limit=limit, after=fetch.after)
                charge.settle(cost)
            await self._learn(Feature.BACKLINKS, cost, BACKLINK_ROW_UNITS)
            after = [found[-1].domain_rating, found[-1].url_from] if found else None
            before = fetch.rows
            await sync_to_async(store_backlinks)(fetch, found, after=after)
            self._count(Feature.BACKLINKS, len(found))
            if _is_last(len(found), limit) or fetch.rows == before:
                return True
        return True

    async def _fetch_rankings(self, fetch: Fetch) -> bool:
        from .storage import store_keywords  # as above

        found = await self._ahrefs.rankings(self._config, day=fetch.day)
        await sync_to_async(store_keywords)(fetch, found, after=None)
        self._count(Feature.RANKINGS, len(found))
        return True

    def _may_go_on(self) -> bool:
        # One batch at least, so that runs that are short of time come to an end too.
        if self._batches and not self._has_time():
            return False
        self._batches += 1
        return True

    def _count(self, feature: Feature, rows: int) -> None:
        self._outcome.rows[feature.value] = self._outcome.rows.get(feature.value, 0) + rows

    async def _affordable(self, feature: Feature, wanted: int, usual: int) -> tuple[int, int]:
        per_row = max(usual, int(await runtime.store.aget(f"row-units:{feature.value}", 0)))
        return await self._budget.affordable_rows(min(BATCH_ROWS, wanted), per_row=per_row), per_row

    async def _learn(self, feature: Feature, cost: Cost, usual: int) -> None:
        """Remember what a row costs where it is more than the documentation says, so that no estimate is too low."""
        if cost.per_row > usual:
            await runtime.store.aset(f"row-units:{feature.value}", cost.per_row)


def _is_last(rows: int, limit: int) -> bool:
    """Say whether an answer was the last one: it is short, and not just as long as a subscription lets it be."""
    return rows < limit and rows not in _CAPS


async def _delete_old(config: AhrefsConfig) -> int:
    from .storage import delete_before  # as above

    return await sync_to_async(delete_before)(utc_today() - timedelta(days=config.keep_days))


# -- what other plugins are told ---------------------------------------------------------------------------------------


async def _feed(plugin: Plugin, config: AhrefsConfig, outcome: Outcome) -> None:
    """Feed in what is new; after a crash at the wrong moment it comes twice, which does no harm."""
    key = f"fed:{config.target}"
    newest = await sync_to_async(_newest_days)(config)
    if not newest or newest == await runtime.store.aget(key):
        return
    payload = await sync_to_async(payload_of)(config, newest)
    try:
        await runtime.aemit_seo_metrics(payload)
    except PluginError as refusal:
        # Another plugin has its reasons, and would have them the next time too.
        outcome.refused = refusal.message
        plugin.logger.warning("The figures of %s were refused: %s", config.target, refusal.message)
    await runtime.store.aset(key, newest)


def _newest_days(config: AhrefsConfig) -> dict[str, str]:
    from .figures import newest_fetch  # as above

    fetches = {feature.value: newest_fetch(config.target, feature) for feature in config.features}
    return {name: fetch.day.isoformat() for name, fetch in fetches.items() if fetch is not None}


def payload_of(config: AhrefsConfig, newest: dict[str, str]) -> SEOMetricsPayload:
    """Return the newest figures as other plugins get them.

    Ahrefs estimates visits, and counts neither clicks nor impressions: so there are no `rows`.
    """
    from .figures import keywords_of, newest_fetch  # as above

    data: dict[str, Any] = {"days": newest, "country": config.country}
    size = 0
    for feature in (Feature.KEYWORDS, Feature.RANKINGS):
        if feature.value not in newest:
            continue
        kept: list[dict[str, Any]] = []
        for one in keywords_of(
            config.target, feature, date.fromisoformat(newest[feature.value]), limit=MAX_FED_ROWS
        ):
            size += len(json.dumps(one, ensure_ascii=False).encode())
            if size > _MAX_FED_BYTES:
                break
            kept.append(one)
        data[feature.value] = kept
    fetch = newest_fetch(config.target, Feature.BACKLINKS)
    if Feature.BACKLINKS.value in newest and fetch is not None:
        data["backlinks"] = {
            "live": fetch.links,
            "all_time": fetch.all_links,
            "live_refdomains": fetch.linking_domains,
            "all_time_refdomains": fetch.all_linking_domains,
        }
    return SEOMetricsPayload(source=SOURCE, domain=config.target, data=data)


# -- what the page shows of the last run -------------------------------------------------------------------------------


async def _keep_state(config: AhrefsConfig, outcome: Outcome, trouble: PluginError | None) -> None:
    if trouble is not None:
        kind = "waiting" if isinstance(trouble, NotReady) else "failed"
    elif outcome.budget:
        kind = "budget"
    else:
        kind = "behind" if outcome.is_behind else "current"
    await runtime.store.aset(
        STATE_KEY,
        {
            "target": config.target,
            "at": datetime.now(UTC).isoformat(),
            "kind": kind,
            "message": trouble.message if trouble is not None else outcome.budget,
            "spent": outcome.spent,
            "most": outcome.most,
            "until": outcome.resets_on,
        },
    )
