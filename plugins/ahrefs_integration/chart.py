"""The charts of the page: one figure over the days of its fetches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from plugin_host.charts import LineChart, line_chart


def chart_of(title: str, values: Sequence[tuple[date, int]]) -> LineChart | None:
    """Return the chart of a figure, the oldest first; None where there is none."""
    if not values:
        return None
    (first, begun), (last, now) = values[0], values[-1]
    most = max(values, key=lambda value: value[1])
    words = (
        f"{title} from {first.isoformat()} to {last.isoformat()}: {begun:,} at first, {now:,} at last, "
        f"{most[1]:,} at most, on {most[0].isoformat()}."
    )
    return line_chart(title, values, words=words)
