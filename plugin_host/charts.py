"""Charts for plugins' pages: figures over days as a line, drawn as SVG on the server.

A page puts charts into its context as `charts`, and its template says where: `{% include "plugins/charts.html" %}`.
Coordinates are parts of a plot that the browser stretches to the width it has; strokes are not stretched with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

__all__ = ["LineChart", "line_chart"]

_WIDTH: Final = 1000
_HEIGHT: Final = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChart:
    """What the template draws; made by `line_chart`.

    Args:
        points: The line, as SVG writes it.
        highest: Upper end of the scale, which begins at 0.
        words: What is to be seen, for those who do not see it.
    """

    title: str
    points: str
    highest: int
    first: date
    last: date
    words: str
    width: int = _WIDTH
    height: int = _HEIGHT


def line_chart(title: str, values: Sequence[tuple[date, int]], *, words: str) -> LineChart:
    """Return the chart of a figure over days; a single day is a level line.

    Args:
        values: Day and figure, 0 or more, the oldest first; at least one.
        words: What is to be seen, for those who do not see it.
    """
    highest = _scale_for(max(number for _, number in values))
    return LineChart(
        title=title,
        points=_points(values, highest),
        highest=highest,
        first=values[0][0],
        last=values[-1][0],
        words=words,
    )


def _points(values: Sequence[tuple[date, int]], highest: int) -> str:
    first, last = values[0][0], values[-1][0]
    days = max(1, (last - first).days)
    places = [
        ((day - first).days / days * _WIDTH, _HEIGHT * (1 - number / highest)) for day, number in values
    ]
    if len(places) == 1:
        places.append((float(_WIDTH), places[0][1]))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _scale_for(highest: int) -> int:
    """Return the next of 1, 2, 5, 10, 20 … that nothing is above."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if highest <= step * factor:
                return step * factor
        step *= 10
