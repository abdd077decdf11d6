"""Figures of payloads, and the two patterns that are looked for in them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from plugin_host.seo.extraction import FALLING_CLICKS, LOW_CLICK_RATE, find_patterns, in_words
from plugin_host.seo.figures import Figures, PageFigures, read_figures


def figures(clicks: Any = None, days: Any = None, **pages: Any) -> Figures:
    data: dict[str, Any] = {
        "rows": [
            {"page": page, "clicks": own[0], "impressions": own[1], "position": own[2]}
            for page, own in pages.items()
        ]
    }
    if clicks is not None:
        data["clicks"] = clicks
    if days is not None:
        data["period"] = {"start": days[0], "end": days[1]}
    return read_figures(data)


USUAL = {f"p{number}": (50, 1000, 3) for number in range(6)}


def test_rows_of_one_page_count_together() -> None:
    found = read_figures(
        {
            "rows": [
                {"page": "/a", "query": "x", "clicks": 1, "impressions": 100, "position": 2},
                {"page": "/a", "query": "y", "clicks": 3, "impressions": 300, "position": 6},
                {"page": "/b", "clicks": 0, "impressions": 0},
            ],
            "clicks": 4,
            "period": {"start": "2026-01-01", "end": "2026-01-07"},
        }
    )

    assert found.pages == {
        "/a": PageFigures(clicks=4, impressions=400, position=5),
        "/b": PageFigures(clicks=0, impressions=0, position=None),
    }
    assert (found.total_clicks, found.days, found.end, found.unread_rows) == (4, 7, date(2026, 1, 7), 0)
    assert found.pages["/b"].click_rate == 0


@pytest.mark.parametrize(
    "row",
    [
        None,
        [],
        {},
        {"page": "/a"},
        {"page": "", "clicks": 1, "impressions": 1},
        {"page": 5, "clicks": 1, "impressions": 1},
        {"page": "/a", "clicks": "1", "impressions": 1},
        {"page": "/a", "clicks": True, "impressions": 1},
        {"page": "/a", "clicks": -1, "impressions": 1},
        {"page": "/a", "clicks": 1, "impressions": 1e300},
    ],
)
def test_what_cannot_be_read_is_counted(row: object) -> None:
    found = read_figures({"rows": [row, {"page": "/a", "clicks": 1, "impressions": 2}]})

    assert (list(found.pages), found.unread_rows) == (["/a"], 1)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"rows": {}},
        {"rows": "many"},
        {"clicks": "12"},
        {"period": "May"},
        {"period": {"start": "2026-01-07", "end": "2026-01-01"}},
        {"period": {"start": 1, "end": 2}},
    ],
)
def test_other_shapes_have_no_figures(data: dict[str, Any]) -> None:
    found = read_figures(data)

    assert (dict(found.pages), found.total_clicks, found.days) == ({}, None, None)
    assert find_patterns(found) == []


def test_a_page_that_is_clicked_far_less_than_usual_is_found() -> None:
    (found,) = find_patterns(figures(**USUAL, poor=(8, 1000, 3.2)))

    assert (found.name, found.subject) == (LOW_CLICK_RATE, "poor")
    # (0.05 - 0.008) / sqrt(0.05 * 0.95 / 1000) is more than six standard deviations.
    assert found.confidence > 0.999
    assert found.evidence == {
        "clicks": 8,
        "impressions": 1000,
        "position": 3.2,
        "click_rate": 0.008,
        "usual_click_rate": 0.05,
        "pages_compared": 6,
    }
    assert in_words(found.name, found.evidence) == (
        "Clicked in 0.80% of 1,000 impressions at place 3.2; usual there: 5.00% (6 compared)."
    )


def test_confidence_is_the_normal_approximation() -> None:
    (found,) = find_patterns(figures(**USUAL, poor=(2, 100, 3)))

    # z = 0.03 / sqrt(0.05 * 0.95 / 100) = 1.3765
    assert found.confidence == pytest.approx(0.9157, abs=0.0005)


@pytest.mark.parametrize(
    "own",
    [
        (26, 1000, 3),  # more than half of what is usual
        (0, 99, 3),  # seen too seldom
        (8, 1000, 7),  # nothing to compare with at that place
        (8, 1000, 35),  # nobody looks there
    ],
)
def test_what_says_little_is_no_pattern(own: tuple[float, float, float]) -> None:
    assert find_patterns(figures(**USUAL, poor=own)) == []


def test_too_few_pages_to_compare_with_find_nothing() -> None:
    few = dict(list(USUAL.items())[:4])

    assert find_patterns(figures(**few, poor=(8, 1000, 3))) == []
    other = figures(**{f"q{number}": (50, 1000, 3) for number in range(2)})
    assert len(find_patterns(figures(**few, poor=(8, 1000, 3)), comparable=[other])) == 1


def test_places_of_the_second_page_are_compared_together() -> None:
    rows = {f"p{number}": (10, 1000, 11 + number) for number in range(6)}

    (found,) = find_patterns(figures(**rows, poor=(1, 1000, 19)))

    assert found.subject == "poor"


def test_falling_clicks_are_found_for_pages_and_the_whole() -> None:
    earlier = figures(clicks=1000, a=(100, 0, 5), b=(100, 0, 5), gone=(100, 0, 5))
    found = find_patterns(figures(clicks=600, a=(40, 0, 5), b=(90, 0, 5)), earlier=earlier)

    assert [(one.name, one.subject) for one in found] == [(FALLING_CLICKS, ""), (FALLING_CLICKS, "a")]
    assert found[1].evidence == {"clicks": 40, "earlier_clicks": 100, "change": -0.6}
    # z = 60 / sqrt(140) = 5.07
    assert found[1].confidence > 0.999
    assert in_words(found[0].name, found[0].evidence) == (
        "600 clicks after 1,000 in the period before (-40%)."
    )


def test_small_numbers_and_small_falls_are_no_pattern() -> None:
    earlier = figures(a=(19, 0, 5), b=(100, 0, 5))

    assert find_patterns(figures(a=(0, 0, 5), b=(71, 0, 5)), earlier=earlier) == []


def test_periods_are_held_against_each_other_where_that_makes_sense() -> None:
    may, june = figures(days=("2026-05-01", "2026-05-28")), figures(days=("2026-06-01", "2026-06-28"))
    week, none = figures(days=("2026-04-01", "2026-04-07")), figures()

    assert june.follows(may)
    assert not may.follows(june)
    assert not june.follows(week)
    assert not june.follows(none)
    assert none.follows(none)


def test_words_of_other_patterns_are_their_own() -> None:
    assert in_words("something_else", {}) == ""
