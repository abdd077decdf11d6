"""The chart of a check's history: response time above, status below, drawn as SVG on the server.

Coordinates are parts of a plot that the browser stretches to the width it has; labels stand outside of it as text, so
they keep their size on narrow screens. Lines and dots have strokes that are not stretched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from django.utils.timezone import localtime

from plugin_host.admin.health_display import BAR_HEIGHTS
from plugin_host.health.selectors import SeriesPoint
from plugin_host.health.verdicts import WORST_FIRST
from plugin_host.hooks.health_monitor import HealthStatus

WIDTH: Final = 1000.0
TIME_HEIGHT: Final = 140.0
BAND_HEIGHT: Final = 20.0
_COLUMNS: Final = 300
_TICKS: Final = 4
# After that many times the usual distance between two results nobody knows what was.
_GAP: Final = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A stretch of time with one status."""

    x: float
    width: float
    y: float
    height: float
    status: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A text at a place on an axis, in per cent of its length."""

    text: str
    place: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthChart:
    """What the template draws.

    Args:
        line: Points of the line of response times, as SVG writes them; several where there are gaps.
        dots: Places of response times that stand alone.
        highest: The upper end of the scale of response times; empty where no result has one.
    """

    bars: tuple[Bar, ...]
    lines: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]
    highest: str
    middle: str
    times: tuple[Label, ...]


@dataclass(slots=True)
class _Column:
    """All results of one part of the time."""

    first: datetime
    last: datetime
    status: HealthStatus
    ms: float | None
    count: int = 1


def health_chart(points: Sequence[SeriesPoint], *, start: datetime, end: datetime) -> HealthChart:
    """Return the chart of results, the oldest first, between two moments."""
    columns = _columns(points, start, end)
    gap = _usual_distance(points) * _GAP
    ceiling = _ceiling(max((column.ms for column in columns if column.ms is not None), default=0.0))
    lines, dots = _lines(columns, start, end, gap, ceiling)
    has_times = any(column.ms is not None for column in columns)
    return HealthChart(
        bars=tuple(_bars(columns, start, end, gap)),
        lines=tuple(lines),
        dots=tuple(dots),
        highest=f"{ceiling:g} ms" if has_times else "",
        middle=f"{ceiling / 2:g} ms" if has_times else "",
        times=_times(start, end),
    )


def _columns(points: Sequence[SeriesPoint], start: datetime, end: datetime) -> list[_Column]:
    """Put together what lies too close to be told apart: the worst status, the slowest response."""
    found: dict[int, _Column] = {}
    for point in points:
        place = int((point.at - start) / (end - start) * _COLUMNS)
        column = found.get(place)
        if column is None:
            found[place] = _Column(point.at, point.at, point.status, point.ms)
            continue
        column.last = point.at
        column.count += 1
        column.status = min(column.status, point.status, key=WORST_FIRST.index)
        if point.ms is not None:
            column.ms = max(column.ms or 0.0, point.ms)
    return list(found.values())


def _usual_distance(points: Sequence[SeriesPoint]) -> timedelta:
    distances = sorted(later.at - earlier.at for earlier, later in pairwise(points))
    return distances[len(distances) // 2] if distances else timedelta(hours=1)


def _bars(columns: Sequence[_Column], start: datetime, end: datetime, gap: timedelta) -> list[Bar]:
    bars = []
    for place, column in enumerate(columns):
        following = columns[place + 1].first if place + 1 < len(columns) else end
        until = min(following, column.last + gap)
        left = _x(column.first, start, end)
        height = float(BAR_HEIGHTS[column.status])
        bars.append(
            Bar(
                x=left,
                width=max(2.0, _x(until, start, end) - left),
                y=BAND_HEIGHT - height,
                height=height,
                status=column.status.value,
                title=_title(column),
            )
        )
    return bars


def _lines(
    columns: Sequence[_Column], start: datetime, end: datetime, gap: timedelta, ceiling: float
) -> tuple[list[str], list[tuple[float, float]]]:
    lines: list[str] = []
    dots: list[tuple[float, float]] = []
    stretch: list[tuple[float, float]] = []
    before: datetime | None = None

    def close() -> None:
        if len(stretch) == 1:
            dots.append(stretch[0])
        elif stretch:
            lines.append(" ".join(f"{x:g},{y:g}" for x, y in stretch))
        stretch.clear()

    for column in columns:
        if column.ms is None or (before is not None and column.first - before > gap):
            close()
        before = column.last
        if column.ms is not None:
            height = TIME_HEIGHT * (1 - column.ms / ceiling)
            stretch.append((_x(column.first, start, end), round(height, 1)))
    close()
    return lines, dots


def _x(moment: datetime, start: datetime, end: datetime) -> float:
    return round(min(1.0, max(0.0, (moment - start) / (end - start))) * WIDTH, 1)


def _ceiling(highest: float) -> float:
    """Return the next of 1, 2, 5, 10, 20 … that nothing is above."""
    step = 1.0
    while True:
        for factor in (1, 2, 5):
            if highest <= step * factor:
                return step * factor
        step *= 10


def _times(start: datetime, end: datetime) -> tuple[Label, ...]:
    is_long = end - start > timedelta(days=2)
    written = "%d %b" if is_long else "%H:%M"
    return tuple(
        Label(
            text=f"{localtime(start + (end - start) * step / _TICKS):{written}}",
            place=round(100 * step / _TICKS, 1),
        )
        for step in range(_TICKS + 1)
    )


def _title(column: _Column) -> str:
    when = f"{localtime(column.first):%Y-%m-%d %H:%M}"
    took = "" if column.ms is None else f", {column.ms:.0f} ms"
    many = "" if column.count == 1 else f" (the worst of {column.count})"
    return f"{when}: {column.status.value}{many}{took}"
