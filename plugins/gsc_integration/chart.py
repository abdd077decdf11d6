"""The charts of the page: one figure over the days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from plugin_host.charts import LineChart, line_chart

from .figures import Figures


def chart_of(title: str, days: Sequence[Figures], *, value: str) -> LineChart | None:
    """Return the chart of one figure over the days; None where there are none.

    Args:
        value: `clicks` or `impressions`.
    """
    if not days:
        return None
    values = [(date.fromisoformat(day.name), int(getattr(day, value))) for day in days]
    (first, _), (last, now) = values[0], values[-1]
    best, most = max(values, key=lambda one: one[1])
    words = (
        f"{title} per day from {first.isoformat()} to {last.isoformat()}: {sum(number for _, number in values):,} "
        f"in all, {most:,} at most, on {best.isoformat()}, and {now:,} on the last day."
    )
    return line_chart(title, values, words=words)
