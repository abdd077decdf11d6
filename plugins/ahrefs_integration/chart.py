"""A chart of one figure over the days of its fetches, drawn as SVG on the server.

Coordinates are parts of a plot that the browser stretches to the width it has; strokes are not stretched with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

WIDTH: Final = 1000
HEIGHT: Final = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What the template draws.

    Args:
        points: The line, as SVG writes it; a single fetch is a level line.
        words: What is to be seen, for those who do not see it.
    """

    title: str
    points: str
    highest: int
    first: str
    last: str
    words: str
    width: int = WIDTH
    height: int = HEIGHT


def chart_of(title: str, values: Sequence[tuple[date, int]]) -> Chart | None:
    """Return the chart of a figure, the oldest first; None where there is none."""
    if not values:
        return None
    (first, begun), (last, now) = values[0], values[-1]
    highest = ceiling_of(max(number for _, number in values))
    most = max(values, key=lambda value: value[1])
    return Chart(
        title=title,
        points=_points(values, highest),
        highest=highest,
        first=first.isoformat(),
        last=last.isoformat(),
        words=(
            f"{title} from {first.isoformat()} to {last.isoformat()}: {begun:,} at first, {now:,} at last, "
            f"{most[1]:,} at most, on {most[0].isoformat()}."
        ),
    )


def _points(values: Sequence[tuple[date, int]], highest: int) -> str:
    first, last = values[0][0], values[-1][0]
    days = max(1, (last - first).days)
    places = [((day - first).days / days * WIDTH, HEIGHT * (1 - number / highest)) for day, number in values]
    if len(places) == 1:
        places.append((float(WIDTH), places[0][1]))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def ceiling_of(highest: int) -> int:
    """Return the next of 1, 2, 5, 10, 20 … that nothing is above."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if highest <= step * factor:
                return step * factor
        step *= 10
