"""The figures that a payload of search metrics holds, per page and for the whole domain.

    {"rows": [{"page": "https://example.com/a", "clicks": 3, "impressions": 210, "position": 4.2}, …],
     "clicks": 120, "impressions": 9000,
     "period": {"start": "2026-01-01", "end": "2026-01-28"}}

Rows of one page (one for each query, say) count together. Everything else that a payload has is kept and not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFigures:
    """What was seen of one page.

    Args:
        position: Mean place in the results, from 1, weighted by impressions; None where no row says.
    """

    clicks: float
    impressions: float
    position: float | None

    @property
    def click_rate(self) -> float:
        """Clicks per impression; 0 where there were none."""
        return self.clicks / self.impressions if self.impressions else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All that patterns are looked for in.

    Args:
        total_clicks: Of the whole domain; None where the payload does not say.
        days: Length of the period, and its ends; None where the payload names none.
        unread_rows: Rows without a page or without sound numbers.
    """

    pages: Mapping[str, PageFigures]
    total_clicks: float | None
    start: date | None
    end: date | None
    unread_rows: int

    @property
    def days(self) -> int | None:
        """How many days the figures are about; None where nothing is said."""
        return (self.end - self.start).days + 1 if self.start is not None and self.end is not None else None

    def follows(self, earlier: Figures) -> bool:
        """Say whether these can be held against earlier ones: both of as many days, the earlier ones over by then."""
        if self.days != earlier.days:
            return False
        return self.start is None or earlier.end is None or earlier.end < self.start


def read_figures(data: Mapping[str, Any]) -> Figures:
    """Return the figures of a payload; what cannot be read is counted, never guessed."""
    sums: dict[str, list[float]] = {}
    unread = 0
    rows = data.get("rows", ())
    for row in rows if isinstance(rows, list) else ():
        if (parts := _row(row)) is None:
            unread += 1
            continue
        page, clicks, impressions, position = parts
        own = sums.setdefault(page, [0.0, 0.0, 0.0, 0.0])
        own[0] += clicks
        own[1] += impressions
        if position is not None:
            own[2] += position * impressions
            own[3] += impressions
    start, end = _period(data.get("period"))
    return Figures(
        pages={
            page: PageFigures(
                clicks=clicks, impressions=impressions, position=weighted / weight if weight else None
            )
            for page, (clicks, impressions, weighted, weight) in sums.items()
        },
        total_clicks=_number(data.get("clicks")),
        start=start,
        end=end,
        unread_rows=unread,
    )


def _row(row: object) -> tuple[str, float, float, float | None] | None:
    if not isinstance(row, Mapping):
        return None
    page = row.get("page")
    clicks, impressions = _number(row.get("clicks")), _number(row.get("impressions"))
    if not isinstance(page, str) or not page.strip() or clicks is None or impressions is None:
        return None
    position = _number(row.get("position"))
    return page.strip(), clicks, impressions, position if position is None or position >= 1 else None


def _number(value: object) -> float | None:
    """Return a count, or None: true and false are none, and nothing is seen less than never."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15:
        return None
    return float(value)


def _period(value: object) -> tuple[date | None, date | None]:
    if not isinstance(value, Mapping):
        return None, None
    try:
        start, end = date.fromisoformat(value["start"]), date.fromisoformat(value["end"])
    except (KeyError, TypeError, ValueError):
        return None, None
    return (start, end) if start <= end else (None, None)
