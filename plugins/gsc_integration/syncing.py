"""The daily task: which days are missing or late, one day after the other, and what other plugins are told.

The table of days is the cursor: a day that is stored is done, so a run that is cut off anywhere is continued by the
next one. Days are those of Google, in Pacific time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from asgiref.sync import sync_to_async

from plugin_host import runtime
from plugin_host.base import Plugin
from plugin_host.errors import NotReady, PluginError
from plugin_host.hooks.seo_metrics import SEOMetricsPayload

from .client import Answer, Row, SearchConsole
from .config import MAX_ROWS_PER_DAY, GSCConfig

SOURCE: Final = "gsc"
GOOGLE_TIME: Final = ZoneInfo("America/Los_Angeles")
STATE_KEY: Final = "state"
# "Data is typically available after 2-3 days": after that many days a day without figures had none.
LAG_DAYS: Final = 4
# So many days are looked at again each time, because figures come late.
RECHECKED_DAYS: Final = 10
WEEK: Final = timedelta(days=6)
# Well below the host's limits of 10,000 rows and 2 MiB.
MAX_FED_PAGES: Final = 5_000
MAX_FED_QUERIES: Final = 1_000
_MAX_FED_BYTES: Final = 1_500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDay:
    """A day that has to be fetched; without a total there is nothing to ask for."""

    day: date
    is_final: bool
    total: Row | None


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a run came to."""

    fetched: int = 0
    left: int = 0
    pages: int = 0
    queries: int = 0
    deleted: int = 0
    fed: list[str] | None = None
    refused: str = ""

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "days": self.fetched,
            "left": self.left,
            "pages": self.pages,
            "queries": self.queries,
            "deleted": self.deleted,
            "fed": self.fed or [],
            **({"refused": self.refused} if self.refused else {}),
        }


def google_today() -> date:
    """Return the day that it is where Google counts."""
    return datetime.now(UTC).astimezone(GOOGLE_TIME).date()


async def sync(plugin: Plugin, console: SearchConsole, config: GSCConfig, *, seconds: float) -> Outcome:
    """Fetch what is missing for as long as there is time, and feed in the newest whole week.

    Args:
        seconds: After that no new day is begun.

    Raises:
        NotReady: The quota is used up; the days before are stored.
        AuthFailed: The key, or the property, is refused.
        PluginError: Search Console does not answer as it should.
    """
    outcome = Outcome()
    ends_at = time.monotonic() + seconds
    trouble: PluginError | None = None
    try:
        await _fetch(console, config, outcome, lambda: time.monotonic() < ends_at)
    except PluginError as error:
        trouble = error
    outcome.deleted = await _delete_old(config)
    await _feed(plugin, config, outcome)
    await _keep_state(config, outcome, trouble)
    if trouble is not None:
        raise trouble
    return outcome


async def _fetch(
    console: SearchConsole, config: GSCConfig, outcome: Outcome, has_time: Callable[[], bool]
) -> None:
    from .storage import store_day, stored_days  # models can be imported only when Django's apps are ready

    today = google_today()
    first, last = today - timedelta(days=config.wanted_days), today - timedelta(days=1)
    stored = await sync_to_async(stored_days)(config.site, first=first, last=last)
    known = {day: (row.clicks, row.impressions, row.is_final) for day, row in stored.items()}
    listed_from = _listed_from(known, first=first, last=last)
    answer = await console.days(config.site, first=listed_from, last=last, with_fresh=config.with_fresh)
    due = due_days(answer, known, first=listed_from, last=last, today=today)
    outcome.left = len(due)
    for one in due:
        # One day at least, so that runs that are short of time come to an end too.
        if outcome.fetched and not has_time():
            return
        fetched = await _fetched(console, config, one)
        await sync_to_async(store_day)(config.site, fetched)
        outcome.fetched += 1
        outcome.left -= 1
        outcome.pages += len(fetched.pages)
        outcome.queries += len(fetched.queries)
        await runtime.aprogress(outcome.fetched, len(due))


def _listed_from(known: Mapping[date, tuple[int, int, bool]], *, first: date, last: date) -> date:
    """Return from when on days are compared with what is stored: the first that is missing, and some days at least."""
    oldest = max(first, last - timedelta(days=RECHECKED_DAYS - 1))
    day = first
    while day < oldest and known.get(day, (0, 0, False))[2]:
        day += timedelta(days=1)
    return day


def due_days(
    answer: Answer,
    known: Mapping[date, tuple[int, int, bool]],
    *,
    first: date,
    last: date,
    today: date,
) -> list[DueDay]:
    """Return the days to fetch, the newest first: those that are missing, and those whose figures are others now.

    Args:
        answer: The figures of each day from `first` to `last`, as Google has them.
        known: day -> clicks, impressions and whether they are final, of the stored days.
    """
    totals = {date.fromisoformat(row.keys[0]): row for row in answer.rows}
    if answer.first_incomplete is not None:
        final_until = answer.first_incomplete - timedelta(days=1)
    else:
        final_until = max([today - timedelta(days=LAG_DAYS), *totals])
    due = []
    day = last
    while day >= first:
        total, is_final = totals.get(day), day <= final_until
        figures = (total.clicks, total.impressions, is_final) if total is not None else (0, 0, is_final)
        if (total is not None or is_final) and known.get(day) != figures:
            due.append(DueDay(day=day, is_final=is_final, total=total))
        day -= timedelta(days=1)
    return due


async def _fetched(console: SearchConsole, config: GSCConfig, due: DueDay) -> Any:
    from .storage import FetchedDay  # as above

    pages: list[Row] = []
    queries: list[Row] = []
    if due.total is not None:
        wanted = (
            (("page",), MAX_ROWS_PER_DAY, pages),
            (("page", "query"), config.query_rows_per_day, queries),
        )
        for dimensions, limit, found in wanted:
            async for part in console.pages(
                config.site,
                day=due.day,
                dimensions=dimensions,
                with_fresh=config.with_fresh,
                limit=limit,
            ):
                found.extend(part)
    return FetchedDay(day=due.day, is_final=due.is_final, total=due.total, pages=pages, queries=queries)


async def _delete_old(config: GSCConfig) -> int:
    from .storage import delete_before  # as above

    return await sync_to_async(delete_before)(google_today() - timedelta(days=config.keep_days))


# -- what other plugins are told ---------------------------------------------------------------------------------------


async def _feed(plugin: Plugin, config: GSCConfig, outcome: Outcome) -> None:
    """Feed in the newest whole week, once; the first time the week before as well, so that they can be compared.

    A week, because days of a week differ. After a crash at the wrong moment a week comes twice, which does no harm.
    """
    key = f"fed:{config.site}"[:200]
    last, weeks = await sync_to_async(_weeks_to_feed)(config, await runtime.store.aget(key))
    outcome.fed = []
    for payload in weeks:
        try:
            await runtime.aemit_seo_metrics(payload)
            outcome.fed.append(payload.data["period"]["end"])
        except PluginError as refusal:
            # Another plugin has its reasons, and would have them the next time too.
            outcome.refused = refusal.message
            plugin.logger.warning("The figures until %s were refused: %s", last, refusal.message)
    if weeks:
        await runtime.store.aset(key, last)


def _weeks_to_feed(config: GSCConfig, fed_until: str | None) -> tuple[str, list[SEOMetricsPayload]]:
    from .figures import last_whole_week  # as above
    from .models import SearchDay

    last = last_whole_week(config.site)
    if last is None or (fed_until is not None and last.isoformat() <= fed_until):
        return "", []
    ends = [last]
    if fed_until is None:
        before = last - timedelta(days=7)
        days = SearchDay.objects.filter(site=config.site, is_final=True, day__range=(before - WEEK, before))
        if days.count() == 7:
            ends.insert(0, before)
    return last.isoformat(), [week_payload(config, end) for end in ends]


def week_payload(config: GSCConfig, last: date) -> SEOMetricsPayload:
    """Return the figures of seven days as other plugins get them."""
    from .figures import days_of, top_pages, top_queries, total_of  # as above

    first = last - WEEK
    total = total_of("", days_of(config.site, first=first, last=last))
    rows: list[dict[str, Any]] = []
    size = 0
    for page in top_pages(config.site, first=first, last=last, limit=MAX_FED_PAGES):
        row = {key: value for key, value in page.document("page").items() if value is not None}
        size += len(json.dumps(row, ensure_ascii=False).encode())
        if size > _MAX_FED_BYTES:
            break
        rows.append(row)
    queries = [
        one.document("query") | {"query": one.name[:200]}
        for one in top_queries(config.site, first=first, last=last, limit=MAX_FED_QUERIES)
    ]
    return SEOMetricsPayload(
        source=SOURCE,
        domain=config.domain,
        data={
            "period": {"start": first.isoformat(), "end": last.isoformat()},
            "clicks": total.clicks,
            "impressions": total.impressions,
            "rows": rows,
            "queries": queries,
        },
        metadata={"property": config.site},
    )


# -- what the page shows of the last run -------------------------------------------------------------------------------


async def _keep_state(config: GSCConfig, outcome: Outcome, trouble: PluginError | None) -> None:
    if trouble is None:
        kind = "behind" if outcome.left else "current"
    else:
        kind = "waiting" if isinstance(trouble, NotReady) else "failed"
    await runtime.store.aset(
        STATE_KEY,
        {
            "property": config.site,
            "at": datetime.now(UTC).isoformat(),
            "kind": kind,
            "message": trouble.message if trouble is not None else "",
            "fetched": outcome.fetched,
            "left": outcome.left,
        },
    )
