"""The patterns that the host itself looks for in search metrics: two, simple enough to be checked by hand.

`low_click_rate`: a page is seen often, and clicked less than half as often as the tenant's own pages at that place in
the results usually are (their median). Confidence: how improbable so few clicks are where the page's true rate is the
median, by the normal approximation of the binomial distribution.

`falling_clicks`: a page, or the whole domain, has lost 30 % or more of its clicks against the period before.
Confidence: how improbable such a fall is where both periods have the same true rate, by the normal approximation of the
difference of two Poisson counts.

Both know nothing of seasons, holidays or changes of the results page, and many pages are looked at together: some of
many findings near the lower bound are chance. They are reasons to look, not verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from plugin_host.seo.figures import Figures, PageFigures

LOW_CLICK_RATE: Final = "low_click_rate"
FALLING_CLICKS: Final = "falling_clicks"

MIN_CONFIDENCE: Final = 0.6
MIN_IMPRESSIONS: Final = 100
MIN_PAGES_COMPARED: Final = 5
MIN_EARLIER_CLICKS: Final = 20
LOW_SHARE: Final = 0.5
FALLEN_TO: Final = 0.7
# Beyond the second page of results hardly anybody clicks, so a low rate says nothing.
LAST_POSITION: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One pattern that was found.

    Args:
        subject: The page; empty where it is about the whole domain.
        weight: Which findings matter most, where there are too many.
    """

    name: str
    subject: str
    confidence: float
    evidence: dict[str, Any]
    weight: float


def find_patterns(
    figures: Figures, *, comparable: Sequence[Figures] = (), earlier: Figures | None = None
) -> list[Finding]:
    """Return what is found in a payload's figures, what matters most first.

    Args:
        comparable: Figures of the tenant's other payloads, whose pages tell what click rates are usual.
        earlier: Those of the period before.
    """
    found = [*_low_click_rates(figures, comparable)]
    if earlier is not None:
        found += _falling_clicks(figures, earlier)
    return sorted(found, key=lambda finding: (-finding.weight, finding.name, finding.subject))


def in_words(name: str, evidence: Mapping[str, Any]) -> str:
    """Return the figures of a pattern as people read them; empty for a pattern that is not the host's own."""
    if name == LOW_CLICK_RATE:
        return (
            f"Clicked in {evidence['click_rate']:.2%} of {evidence['impressions']:,} impressions at place "
            f"{evidence['position']:g}; usual there: {evidence['usual_click_rate']:.2%} "
            f"({evidence['pages_compared']} compared)."
        )
    if name == FALLING_CLICKS:
        return (
            f"{evidence['clicks']:,} clicks after {evidence['earlier_clicks']:,} in the period before "
            f"({evidence['change']:+.0%})."
        )
    return ""


def _low_click_rates(figures: Figures, comparable: Sequence[Figures]) -> Iterator[Finding]:
    seen: dict[str, list[tuple[str, float]]] = {}
    for one in (figures, *comparable):
        for page, own in one.pages.items():
            if (place := _place(own)) is not None:
                seen.setdefault(place, []).append((page, own.click_rate))
    for page, own in figures.pages.items():
        if (place := _place(own)) is None:
            continue
        others = [rate for other, rate in seen[place] if other != page]
        if len(others) < MIN_PAGES_COMPARED:
            continue
        usual = median(others)
        if usual == 0 or own.click_rate > LOW_SHARE * usual:
            continue
        spread = math.sqrt(usual * (1 - usual) / own.impressions)
        confidence = _probability_below((usual - own.click_rate) / spread) if spread else 1.0
        if confidence >= MIN_CONFIDENCE:
            yield Finding(
                name=LOW_CLICK_RATE,
                subject=page,
                confidence=confidence,
                evidence={
                    "clicks": _count(own.clicks),
                    "impressions": _count(own.impressions),
                    "position": round(own.position or 0, 2),
                    "click_rate": round(own.click_rate, 5),
                    "usual_click_rate": round(usual, 5),
                    "pages_compared": len(others),
                },
                weight=(usual - own.click_rate) * own.impressions,
            )


def _place(page: PageFigures) -> str | None:
    """Return which pages a page is compared with: each place of the first ten by itself, the next ten together."""
    if page.position is None or page.impressions < MIN_IMPRESSIONS:
        return None
    place = round(page.position)
    if place > LAST_POSITION:
        return None
    return str(place) if place <= 10 else "11 to 20"


def _falling_clicks(figures: Figures, earlier: Figures) -> Iterator[Finding]:
    # A page that is not there any more may just have been cut off: sources limit their rows.
    pairs = [
        (page, own.clicks, earlier.pages[page].clicks)
        for page, own in figures.pages.items()
        if page in earlier.pages
    ]
    if figures.total_clicks is not None and earlier.total_clicks is not None:
        pairs.append(("", figures.total_clicks, earlier.total_clicks))
    for subject, now, before in pairs:
        if before < MIN_EARLIER_CLICKS or now > FALLEN_TO * before:
            continue
        confidence = _probability_below((before - now) / math.sqrt(before + now))
        if confidence >= MIN_CONFIDENCE:
            yield Finding(
                name=FALLING_CLICKS,
                subject=subject,
                confidence=confidence,
                evidence={
                    "clicks": _count(now),
                    "earlier_clicks": _count(before),
                    "change": round(now / before - 1, 4),
                    **({"days": figures.days} if figures.days is not None else {}),
                },
                weight=before - now,
            )


def _count(value: float) -> float:
    """Return a count as people write it: 12, not 12.0."""
    return int(value) if value.is_integer() else value


def _probability_below(deviations: float) -> float:
    """Return the probability that a normally distributed value lies below so many standard deviations."""
    return 0.5 * (1 + math.erf(deviations / math.sqrt(2)))
