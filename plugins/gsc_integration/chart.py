"""A chart of figures per day, drawn as SVG on the server.

Coordinates are parts of a plot that the browser stretches to the width it has; strokes are not stretched with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .figures import Figures

WIDTH: Final = 1000
HEIGHT: Final = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What the template draws.

    Args:
        points: The line, as SVG writes it; a single day is a short line.
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


def chart_of(title: str, days: Sequence[Figures], *, value: str) -> Chart | None:
    """Return the chart of one figure over the days; None where there are none.

    Args:
        value: `clicks` or `impressions`.
    """
    if not days:
        return None
    numbers = [int(getattr(day, value)) for day in days]
    highest = ceiling_of(max(numbers))
    best = days[numbers.index(max(numbers))]
    return Chart(
        title=title,
        points=_points(numbers, highest),
        highest=highest,
        first=days[0].name,
        last=days[-1].name,
        words=(
            f"{title} per day from {days[0].name} to {days[-1].name}: {sum(numbers):,} in all, "
            f"{max(numbers):,} at most, on {best.name}, and {numbers[-1]:,} on the last day."
        ),
    )


def _points(numbers: Sequence[int], highest: int) -> str:
    if len(numbers) == 1:
        numbers = [*numbers, *numbers]
    step = WIDTH / (len(numbers) - 1)
    return " ".join(
        f"{place * step:.1f},{HEIGHT * (1 - number / highest):.1f}" for place, number in enumerate(numbers)
    )


def ceiling_of(highest: int) -> int:
    """Return the next of 1, 2, 5, 10, 20 … that nothing is above."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if highest <= step * factor:
                return step * factor
        step *= 10
